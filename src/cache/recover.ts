/**
 * Makes the index agree with the disk after a start: forgets rows of files that are gone, and adds rows for files without one
 * (unread: they are hashed when first asked for). Runs while requests are served; look-ups need none of it.
 */
import type { FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { noun } from "../lib/format.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

export async function recover(store: Store, rows: FileRows, clock: Clock, log: Logger): Promise<void> {
  const unseen = new Set(rows.names());
  const strays: string[] = [];
  let files = 0;
  let adopted = 0;
  for await (const { name, file } of store.scan((path) => strays.push(path))) {
    files++;
    if (unseen.delete(name) || rows.get(name)) continue;
    adopted++;
    rows.put({
      name,
      size: file.size,
      blake2b: null,
      sha512: null,
      otherHashes: null,
      stamp: file.stamp,
      source: "",
      storedAt: file.modifiedAt,
      usedAt: clock.now(),
    });
  }
  let forgotten = 0;
  for (const name of unseen) {
    // One fetched since the scan passed its folder is there all the same.
    if (store.stat(name) || store.lookProblem(name) !== undefined) continue;
    rows.forget(name);
    forgotten++;
  }
  const [example] = strays;
  if (example !== undefined) {
    const [those, are] = strays.length === 1 ? ["file", "is"] : ["files", "are"];
    log.warn(`{strays} ${those} in the store ${are} not where portcache keeps files and ${are} left alone: {example}`, {
      strays: strays.length,
      example: strays.length === 1 ? example : `${example}, …`,
    });
  }
  log.info(
    `Checked the store: {files} ${noun(files, "file")}; {adopted} added to the index, {forgotten} removed from it`,
    {
      files,
      adopted,
      forgotten,
    },
  );
}
