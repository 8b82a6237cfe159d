/**
 * Uses of stored files, recorded in batches: a hit costs a look at a map, and rows are written now and then. What could not be
 * written counts the next time; what is lost with the process is a few seconds of them.
 */
import type { IndexDatabase } from "./open.ts";

export interface Uses<Key extends string> {
  touch(key: Key, at: number): void;
  /** What is used no more, as it has gone. */
  forget(key: Key): void;
  /** Writes what has come since. @throws whatever the index throws; nothing is lost by that */
  flush(): void;
}

/** @param count writes that many uses of one, the last of which was at `at`; called in a transaction */
export function createUses<Key extends string>(
  db: IndexDatabase,
  count: (key: Key, uses: number, at: number) => void,
): Uses<Key> {
  let used = new Map<Key, { uses: number; at: number }>();
  return {
    touch(key, at) {
      const one = used.get(key);
      if (one) {
        one.uses++;
        one.at = at;
      } else {
        used.set(key, { uses: 1, at });
      }
    },
    forget: (key) => void used.delete(key),
    flush() {
      if (used.size === 0) return;
      const batch = used;
      used = new Map();
      try {
        db.transaction(() => {
          for (const [key, { uses, at }] of batch) count(key, uses, at);
        });
      } catch (error) {
        // They count next time, with what has come meanwhile.
        for (const [key, { uses, at }] of batch) {
          const since = used.get(key);
          used.set(key, { uses: uses + (since?.uses ?? 0), at: since?.at ?? at });
        }
        throw error;
      }
    },
  };
}
