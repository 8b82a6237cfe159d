/**
 * Keeps what failed lately, and why: one row for each file and kind of failure, with how often it happened. Held in memory and
 * written in batches; only the latest are kept, so that random names fill nothing.
 */
import { and, desc, eq, sql } from "drizzle-orm";
import type { ListedFailure } from "../distfile/response-outcome.ts";
import type { Clock } from "../lib/clock.ts";
import type { IndexDatabase } from "./open.ts";
import { failures } from "./schema.ts";

export type FailureRow = typeof failures.$inferSelect;

export interface FailureRows {
  add(file: string, failure: ListedFailure): void;
  /** Forgets the failures of these files, or all. @returns how many */
  dismiss(files: ReadonlySet<string> | undefined): number;
  /** The latest first. */
  latest(limit: number): readonly FailureRow[];
  of(file: string): readonly FailureRow[];
  flush(): void;
}

const MAX_FAILURES = 500;
/** Requests for random names must not push out the failures of real ones. */
const MAX_ABSENT = 250;
const MAX_REASON = 2000;

/** Statements are made once: to make each takes longer than to run it, and hundreds run together. */
function prepare(db: IndexDatabase) {
  const { placeholder } = sql;
  const { kind, file } = failures;
  return {
    put: db
      .insert(failures)
      .values({
        kind: placeholder("kind"),
        file: placeholder("file"),
        reason: placeholder("reason"),
        sources: placeholder("sources"),
        count: placeholder("count"),
        firstAt: placeholder("firstAt"),
        lastAt: placeholder("lastAt"),
      })
      .onConflictDoUpdate({
        target: [kind, file],
        set: {
          reason: sql`excluded.reason`,
          sources: sql`excluded.sources`,
          count: sql`excluded.count`,
          firstAt: sql`excluded.first_at`,
          lastAt: sql`excluded.last_at`,
        },
      })
      .prepare(),
    forget: db
      .delete(failures)
      .where(and(eq(kind, placeholder("kind")), eq(file, placeholder("file"))))
      .prepare(),
  };
}

export function createFailureRows(db: IndexDatabase, clock: Clock): FailureRows {
  const prepared = prepare(db);
  const newestFirst = db.select().from(failures).orderBy(desc(failures.lastAt)).limit(MAX_FAILURES).all();
  /** The oldest first. */
  const rows = new Map(newestFirst.toReversed().map((row) => [`${row.kind} ${row.file}`, row]));
  const changed = new Set<string>();
  const forgotten = new Map<string, FailureRow>();

  let absent = newestFirst.filter(({ kind }) => kind === "absent").length;

  function forget(key: string, row: FailureRow): void {
    rows.delete(key);
    changed.delete(key);
    forgotten.set(key, row);
    if (row.kind === "absent") absent--;
  }

  function forgetOldest(of: (row: FailureRow) => boolean): void {
    for (const [key, row] of rows) {
      if (!of(row)) continue;
      forget(key, row);
      return;
    }
  }

  return {
    add(file, { kind, reason, sources }) {
      const key = `${kind} ${file}`;
      const now = clock.now();
      const before = rows.get(key);
      rows.delete(key);
      forgotten.delete(key);
      const firstAt = before?.firstAt ?? now;
      const count = (before?.count ?? 0) + 1;
      rows.set(key, { file, kind, reason: reason.slice(0, MAX_REASON), sources, count, firstAt, lastAt: now });
      changed.add(key);
      if (!before && kind === "absent" && ++absent > MAX_ABSENT) forgetOldest((row) => row.kind === "absent");
      if (rows.size > MAX_FAILURES) forgetOldest(() => true);
    },
    latest: (limit) => [...rows.values()].toReversed().slice(0, limit),
    of: (file) => [...rows.values()].filter((row) => row.file === file).toReversed(),
    dismiss(files) {
      const dismissed = [...rows].filter(([, { file }]) => files?.has(file) ?? true);
      for (const [key, row] of dismissed) forget(key, row);
      return dismissed.length;
    },
    flush() {
      if (changed.size === 0 && forgotten.size === 0) return;
      db.transaction(() => {
        for (const { kind, file } of forgotten.values()) prepared.forget.run({ kind, file });
        for (const key of changed) {
          const row = rows.get(key);
          if (row) prepared.put.run(row);
        }
      });
      // Only now: what could not be written is tried again.
      changed.clear();
      forgotten.clear();
    },
  };
}
