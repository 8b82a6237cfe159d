/**
 * Checks the server after a storm: every file can be fetched, and nothing is left behind.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { partsOf, usageOf } from "./chaos.ts";
import { api, type Host } from "./host.ts";
import type { World } from "./world.ts";

/** Time for running requests and downloads to end. */
const QUIET_MS = 30_000;
/** The first request may fail on wrong bytes that a mirror left in a part file. */
const TRIES = 2;

interface Figures {
  readonly in_flight: number;
  readonly downloads: { readonly active: number; readonly waiting: number };
  readonly store: { readonly bytes: number };
}

interface Cleaned {
  readonly before: { readonly used_bytes: number };
}

/** Returns the files of the store that the process has open. */
function openFiles(pid: number, location: string): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return /\/(?:distfiles|partial)\b/.test(target) && target.startsWith(location) ? [target] : [];
    } catch {
      // The file was closed meanwhile.
      return [];
    }
  });
}

async function findMissing(world: World, url: string): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const name of world.names) {
    const [version] = world.versions(name);
    const tries: string[] = [];
    for (let right = false; !right && tries.length < TRIES; ) {
      const response = await fetch(`${url}/distfiles/${name}`);
      const body = await response.bytes().catch(() => new Uint8Array());
      right = response.status === 200 && version !== undefined && Buffer.compare(body, version.bytes) === 0;
      if (!right) tries.push(`${response.status} with ${body.length} bytes`);
    }
    if (tries.length === TRIES) missing.push(`${name} cannot be fetched afterwards: ${tries.join(", ")}`);
  }
  return missing;
}

async function findLeft({ server: { location, pid } }: Host, maxBytes: number): Promise<string> {
  const status = (await (await api(location, "status")).json()) as Figures;
  const cleaned = (await (await api(location, "clean", { dry_run: true })).json()) as Cleaned;
  const { stored, parts } = usageOf(location);
  const open = openFiles(pid, location);
  const facts = [
    [status.in_flight === 0, `${status.in_flight} requests in flight`],
    [status.downloads.active + status.downloads.waiting === 0, `downloads: ${JSON.stringify(status.downloads)}`],
    [cleaned.before.used_bytes === stored, `${cleaned.before.used_bytes} bytes used, ${stored} on disk`],
    [status.store.bytes === stored, `${status.store.bytes} bytes in the index, ${stored} on disk`],
    [parts === 0 && partsOf(location).length === 0, `parts: ${partsOf(location).join(" ")}`],
    [open.length === 0, `open: ${open.slice(0, 5).join(" ")}`],
    [stored <= maxBytes, `${stored} bytes stored`],
  ] as const;
  return facts.flatMap(([good, fact]) => (good ? [] : [fact])).join("; ");
}

/** Waits until the server is quiet. @returns what is wrong */
export async function checkQuiet(world: World, host: Host, maxBytes: number): Promise<readonly string[]> {
  const { url, location } = host.server;
  await (await api(location, "rescan", {})).text();
  const missing = await findMissing(world, url);
  let left = "";
  for (const startedAt = performance.now(); performance.now() - startedAt < QUIET_MS; await Bun.sleep(250)) {
    left = await findLeft(host, maxBytes);
    if (left === "") return missing;
  }
  return [...missing, `left behind: ${left}`];
}
