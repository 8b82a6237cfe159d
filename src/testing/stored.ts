/**
 * Names the paths of distfiles, and waits until a server has stored one, or is healthy.
 */
import { standardFolder } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";

/** Returns `/distfiles/HH/NAME`, the path below a store or a mirror. */
export function distfilePath(name: string): string {
  const distfile = name as DistfileName;
  return `/distfiles/${standardFolder(distfile)}/${distfile}`;
}

/**
 * Resolves when the file at this URL is in the store: a response ends once its bytes are verified, shortly before the file is
 * committed. @throws {Error} if it is not stored within half a minute
 */
export async function untilStored(url: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    const answer = await fetch(url, { method: "HEAD" });
    if (answer.headers.get("cache-status") === "portcache; hit") return;
    await Bun.sleep(50);
  }
  throw new Error(`${url} is not stored`);
}

/**
 * Resolves when /healthz says that nothing is wrong: what the index refused is written again by the next flush, up to five
 * seconds after the disk works again, and a store that refused files is probed every ten. @throws {Error} after half a minute
 */
export async function untilHealthy(server: string): Promise<void> {
  let answer = "";
  for (let i = 0; i < 300; i++) {
    answer = await (await fetch(`${server}/healthz`)).text();
    if (answer === "ok\n") return;
    await Bun.sleep(100);
  }
  throw new Error(`${server} is not healthy: ${answer}`);
}
