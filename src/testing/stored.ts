/**
 * Waiting for the store: an answer ends when its bytes are known to be right, a moment before the disk has taken them for good.
 */

/** Resolves when the file at this URL lies in the store. @throws {Error} when it does not within half a minute */
export async function untilStored(url: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    const answer = await fetch(url, { method: "HEAD" });
    if (answer.headers.get("cache-status") === "portcache; hit") return;
    await Bun.sleep(50);
  }
  throw new Error(`${url} is not stored`);
}
