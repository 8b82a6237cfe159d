/**
 * Keeps count of files that are removed while the index takes no notes, as on a full disk: they use no room any more, and go no
 * second time.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { FileRows } from "../index/files.ts";
import type { Store } from "../store/store.ts";
import type { StoredEntry } from "./policy.ts";

type Entry = Pick<StoredEntry, "name" | "size" | "verified">;

export interface RemovedFiles {
  /** Removes the row of a removed file, now or once the index takes notes again. @throws what the index throws */
  forget(entry: Entry): void;
  /** Removes the rows that are left over. @throws what the index throws */
  settle(): void;
  has(name: FileName): boolean;
  /** As FileRows has them, without removed files. */
  bytes(): number;
  unverifiedBytes(): number;
  count(): number;
}

export function createRemovedFiles(
  rows: Pick<FileRows, "forget" | "bytes" | "unverifiedBytes" | "count">,
  stat: Store["stat"],
): RemovedFiles {
  const gone = new Map<FileName, Entry>();
  const sum = (of: (entry: Entry) => number) => [...gone.values()].reduce((total, entry) => total + of(entry), 0);

  return {
    forget(entry) {
      gone.set(entry.name, entry);
      rows.forget(entry.name);
      gone.delete(entry.name);
    },
    settle() {
      for (const name of [...gone.keys()]) {
        // It may have been fetched again.
        if (!stat(name)) rows.forget(name);
        gone.delete(name);
      }
    },
    has: (name) => gone.has(name),
    bytes: () => rows.bytes() - sum(({ size }) => size),
    unverifiedBytes: () => rows.unverifiedBytes() - sum(({ size, verified }) => (verified ? 0 : size)),
    count: () => rows.count() - gone.size,
  };
}
