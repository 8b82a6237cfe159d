/**
 * Remembers which files were removed from the store, when and why: the latest removal of each name. Written in batches; only the
 * latest files are kept.
 */
import { desc, eq, lt } from "drizzle-orm";
import type { RemovalReason } from "../distfile/reporting.ts";
import type { IndexDatabase } from "./open.ts";
import { removals } from "./schema.ts";

export interface Removal {
  readonly at: number;
  readonly reason: RemovalReason;
}

export interface RemovalRows {
  add(name: string, removal: Removal): void;
  /** Returns when and why the file was removed the last time, as far as that is remembered. */
  of(name: string): Removal | undefined;
  /** How many are not written yet. */
  readonly pending: number;
  /** Writes what has come since, some hundred files at a time. @throws whatever the index throws; nothing is lost by that */
  flush(): void;
}

const MAX_REMOVALS = 10_000;
/** So many are written at once, which takes some milliseconds: a hit waits for no more. */
const BATCH = 250;

export function createRemovalRows(db: IndexDatabase): RemovalRows {
  /** Not written yet, the latest last. */
  const pending = new Map<string, Removal>();

  /** Forgets all but the latest. */
  function prune(): void {
    const oldest = db.select({ at: removals.at }).from(removals).orderBy(desc(removals.at)).limit(1);
    const first = oldest.offset(MAX_REMOVALS).get();
    // Of several of one time all go: a clean-up that removes many ends within one.
    if (first)
      db.delete(removals)
        .where(lt(removals.at, first.at + 1))
        .run();
  }

  return {
    get pending() {
      return pending.size;
    },
    add(name, removal) {
      pending.delete(name);
      pending.set(name, removal);
      for (const [first] of pending) {
        if (pending.size <= MAX_REMOVALS) break;
        pending.delete(first);
      }
    },
    of(name) {
      const held = pending.get(name);
      if (held) return held;
      const row = db.select().from(removals).where(eq(removals.name, name)).get();
      return row && { at: row.at, reason: row.reason };
    },
    flush() {
      if (pending.size === 0) return;
      const batch = [...pending].slice(0, BATCH);
      db.transaction(() => {
        for (const [name, removal] of batch) {
          db.insert(removals)
            .values({ name, ...removal })
            .onConflictDoUpdate({ target: removals.name, set: removal })
            .run();
        }
        prune();
      });
      // Only now: what could not be written is tried again.
      for (const [name, removal] of batch) if (pending.get(name) === removal) pending.delete(name);
    },
  };
}
