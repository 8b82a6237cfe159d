/**
 * Finds settings that are valid, but cannot do on this machine what they are meant to do: the server starts all the same, logs them,
 * and `portcache check` reports them as problems. Changes nothing.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/schema.ts";
import { formatMib, formatSize } from "../config/units.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { isRepositoryUrl, maskCredentials } from "../lib/url.ts";
import { isRsyncUrl } from "../repos/sync/url.ts";

/** Returns whether a host name of a URL means this machine. */
function isOwnHost(name: string): boolean {
  const plain = name.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (plain === "localhost" || plain.endsWith(".localhost") || plain === hostname().toLowerCase()) return true;
  if (/^127\./.test(plain) || plain === "::1" || plain === "0.0.0.0" || plain === "::") return true;
  return Object.values(networkInterfaces()).some((some) => some?.some(({ address }) => address === plain));
}

const EVERYWHERE = new Set(["::", "0.0.0.0"]);

/** Names mirrors that are this server itself: each file would be asked for in a circle. */
function ownMirrors({ server, fetcher }: Config): readonly string[] {
  const isOwn = (mirror: string) => {
    const { protocol, hostname: host, port } = new URL(mirror);
    const number = port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
    if (number !== server.port || !isOwnHost(host)) return false;
    return (
      EVERYWHERE.has(server.address) || host.replace(/^\[(.*)\]$/, "$1") === server.address || host === "localhost"
    );
  };
  return fetcher.mirrors
    .filter(isOwn)
    .map((mirror) => `fetcher.mirrors: ${maskCredentials(mirror)} is this server itself: expected other servers`);
}

/** Returns why clients refuse the certificate now. */
function certificateDoubts({ tls_cert }: Config["server"], now: number): readonly string[] {
  if (tls_cert === "") return [];
  try {
    const { validFrom, validTo } = new X509Certificate(readFileSync(tls_cert));
    if (Date.parse(validTo) < now) return [`server.tls_cert: ${tls_cert} has expired (${validTo})`];
    return Date.parse(validFrom) > now ? [`server.tls_cert: ${tls_cert} is not valid before ${validFrom}`] : [];
  } catch {
    // That it cannot be used is reported as such (preflight.ts).
    return [];
  }
}

function memoryDoubts({ memory }: Config["storage"]): readonly string[] {
  const limit = process.constrainedMemory();
  const most = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  if (memory < most) return [];
  return [`storage.memory: expected less than the machine's memory of ${formatMib(most)}, got ${formatSize(memory)}`];
}

/** Returns why a repository cannot be cloned from its URL here. */
function cloneDoubts(url: string, path: string | undefined): readonly string[] {
  const [program, name] = isRsyncUrl(url) ? (["rsync", "net-misc/rsync"] as const) : (["git", "dev-vcs/git"] as const);
  const shown = maskCredentials(url);
  if (Bun.which(program, { PATH: path ?? "" }) === null)
    return [`repo.repos: ${shown} cannot be cloned: ${program} is not installed (emerge ${name})`];
  if (!url.startsWith("file:")) return [];
  try {
    return exists(fileURLToPath(url)) ? [] : [`repo.repos: ${shown} cannot be cloned: there is no such folder`];
  } catch (error) {
    return [`repo.repos: ${shown} cannot be cloned: ${reasonOf(error)}`];
  }
}

/**
 * Returns one sentence for each.
 * @param path PATH of the environment, in which git and rsync are found
 */
export function machineDoubts(config: Config, path: string | undefined, now: number): readonly string[] {
  return [
    ...ownMirrors(config),
    ...certificateDoubts(config.server, now),
    ...memoryDoubts(config.storage),
    ...new Set(config.repo.repos.filter(isRepositoryUrl).flatMap((url) => cloneDoubts(url, path))),
  ];
}
