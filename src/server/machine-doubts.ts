/**
 * Finds settings that are valid, but cannot do on this machine what they are meant to do: the server starts all the same, logs them,
 * and `portcache check` reports them as problems. Changes nothing.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { NamedConfig } from "../config/load.ts";
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
function ownMirrors({ config: { server, fetcher }, nameOf }: NamedConfig): readonly string[] {
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
    .map((mirror) => `${nameOf("fetcher.mirrors")}: ${maskCredentials(mirror)} is this server itself: expected others`);
}

/** Returns why clients refuse the certificate now. */
function certificateDoubts({ config, nameOf }: NamedConfig, now: number): readonly string[] {
  const { tls_cert } = config.server;
  if (tls_cert === "") return [];
  const name = nameOf("server.tls_cert");
  try {
    const { validFrom, validTo } = new X509Certificate(readFileSync(tls_cert));
    if (Date.parse(validTo) < now) return [`${name}: ${tls_cert} has expired (${validTo})`];
    return Date.parse(validFrom) > now ? [`${name}: ${tls_cert} is not valid before ${validFrom}`] : [];
  } catch {
    // That it cannot be used is reported as such (preflight.ts).
    return [];
  }
}

function memoryDoubts({ config, nameOf }: NamedConfig): readonly string[] {
  const { memory } = config.storage;
  const limit = process.constrainedMemory();
  const most = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  if (memory < most) return [];
  const expected = `expected less than the machine's memory of ${formatMib(most)}`;
  return [`${nameOf("storage.memory")}: ${expected}, got ${formatSize(memory)}`];
}

/** Returns why git cannot clone a folder of this machine, as a sentence part. */
function folderObstacle(url: string): string | undefined {
  try {
    const folder = fileURLToPath(url);
    if (!exists(folder)) return "there is no such folder";
    const isGit = exists(`${folder}/.git`) || exists(`${folder}/objects`);
    return isGit ? undefined : `it is not a git repository (give the path ${folder} to use the folder as it is)`;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Returns why a repository cannot be cloned from its URL here, as a sentence without the setting. */
function cloneDoubts(url: string, path: string | undefined): readonly string[] {
  const [program, name] = isRsyncUrl(url) ? (["rsync", "net-misc/rsync"] as const) : (["git", "dev-vcs/git"] as const);
  const shown = maskCredentials(url);
  if (Bun.which(program, { PATH: path ?? "" }) === null)
    return [`${shown} cannot be cloned: ${program} is not installed (Gentoo: emerge ${name})`];
  if (!url.startsWith("file:")) return [];
  const obstacle = folderObstacle(url);
  return obstacle === undefined ? [] : [`${shown} cannot be cloned: ${obstacle}`];
}

/**
 * Returns one sentence for each.
 * @param path PATH of the environment, in which git and rsync are found
 */
export function machineDoubts(named: NamedConfig, path: string | undefined, now: number): readonly string[] {
  const urls = new Set(named.config.repo.repos.filter(isRepositoryUrl));
  return [
    ...ownMirrors(named),
    ...certificateDoubts(named, now),
    ...memoryDoubts(named),
    ...[...urls].flatMap((url) => cloneDoubts(url, path)).map((doubt) => `${named.nameOf("repo.repos")}: ${doubt}`),
  ];
}
