/**
 * Names the paths of distfiles, and waits until a server has stored one.
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
