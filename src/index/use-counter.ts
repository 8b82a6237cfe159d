/**
 * Records uses of stored files in batches: a hit costs a look at a map, and rows are written now and then. What could not be
 * written counts the next time; what is lost with the process is a few seconds of uses.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { IndexDatabase } from "./open.ts";

export interface UseCounter {
  touch(name: FileName, at: number): void;
  /** Drops the uses of a file that has gone. */
  forget(name: FileName): void;
  /** Writes what has come since. @throws whatever the index throws; nothing is lost by that */
  flush(): void;
}

/** @param write adds that many uses of one file, the last of which was at `at`; called in a transaction */
export function createUseCounter(
  db: IndexDatabase,
  write: (name: FileName, uses: number, at: number) => void,
): UseCounter {
  let used = new Map<FileName, { uses: number; at: number }>();
  return {
    touch(name, at) {
      const one = used.get(name);
      if (one) {
        one.uses++;
        one.at = at;
      } else {
        used.set(name, { uses: 1, at });
      }
    },
    forget: (name) => void used.delete(name),
    flush() {
      if (used.size === 0) return;
      const batch = used;
      used = new Map();
      try {
        db.transaction(() => {
          for (const [name, { uses, at }] of batch) write(name, uses, at);
        });
      } catch (error) {
        // They count next time, with what has come meanwhile.
        for (const [name, { uses, at }] of batch) {
          const since = used.get(name);
          used.set(name, { uses: uses + (since?.uses ?? 0), at: since?.at ?? at });
        }
        throw error;
      }
    },
  };
}
