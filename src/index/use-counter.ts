/**
 * Records uses of stored files in batches: a hit costs a look at a map, and rows are written now and then. What could not be
 * written counts the next time; what is lost with the process is a few seconds of uses.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { IndexDatabase } from "./open.ts";

export interface UseCounter {
  touch(name: FileName, at: number): void;
  /** Counts the request that a file was fetched for: the score of a new row has that one already. */
  fetched(name: FileName, at: number): void;
  /** Drops the uses of a file that has gone. */
  forget(name: FileName): void;
  /** Writes what has come since. @throws whatever the index throws; nothing is lost by that */
  flush(): void;
}

export interface Uses {
  readonly uses: number;
  /** How many of them the score does not have yet. */
  readonly unscored: number;
  /** Of the last one. */
  readonly at: number;
}

/** So many are written at once, which takes some milliseconds: a hit waits for no more. */
const MAX_PENDING = 256;

/** @param write adds the uses of one file; called in a transaction */
export function createUseCounter(db: IndexDatabase, write: (name: FileName, uses: Uses) => void): UseCounter {
  let used = new Map<FileName, { uses: number; unscored: number; at: number }>();
  let failed = false;

  function count(name: FileName, unscored: number, at: number): void {
    const one = used.get(name);
    if (one) {
      one.uses++;
      one.unscored += unscored;
      one.at = at;
      return;
    }
    used.set(name, { uses: 1, unscored, at });
    if (used.size < MAX_PENDING || failed) return;
    try {
      flush();
    } catch {
      // The next flush() says why.
    }
  }

  function flush(): void {
    if (used.size === 0) return;
    const batch = used;
    used = new Map();
    failed = true;
    try {
      db.transaction(() => {
        for (const [name, uses] of batch) write(name, uses);
      });
      failed = false;
    } catch (error) {
      // They count next time, with what has come meanwhile.
      for (const [name, { uses, unscored, at }] of batch) {
        const since = used.get(name) ?? { uses: 0, unscored: 0, at };
        used.set(name, { uses: uses + since.uses, unscored: unscored + since.unscored, at: since.at });
      }
      throw error;
    }
  }

  return {
    touch: (name, at) => count(name, 1, at),
    fetched: (name, at) => count(name, 0, at),
    forget: (name) => void used.delete(name),
    flush,
  };
}
