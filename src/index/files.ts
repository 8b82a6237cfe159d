/**
 * Rows of stored files, and what is remembered of partial ones. Use is recorded in memory and written in batches:
 * a hit must not wait for the disk.
 */
import { asc, count, eq, gt, sql } from "drizzle-orm";
import type { DistfileName } from "../distfile/name.ts";
import type { IndexDatabase } from "./open.ts";
import { distfiles, partials } from "./schema.ts";
import { createUses } from "./use-counter.ts";

export type DistfileRow = typeof distfiles.$inferSelect;
/** What is left out stays as it is in a row that is there already. */
export type DistfileNews = typeof distfiles.$inferInsert;
export type DistfileWorth = Pick<DistfileRow, "name" | "size" | "source" | "usedAt" | "heat" | "orphanedAt">;
export type PartialRow = typeof partials.$inferSelect;

/** After so long without use a file's heat is half of what it was; chosen by scripts/bench/eviction.ts. */
export const HEAT_HALF_LIFE_MS = 4 * 24 * 60 * 60 * 1000;

export interface DistfileRows {
  get(name: DistfileName): DistfileRow | undefined;
  put(row: DistfileNews): void;
  forget(name: DistfileName): void;
  /** Counts one use; written by flush(). */
  touch(name: DistfileName, at: number): void;
  flush(): void;
  /** Of all stored files together; counted once and kept up from then on. */
  bytes(): number;
  count(): number;
  /** What clean-up goes by, of the next files by name after that one; the first ones after the empty name. */
  page(after: string, limit: number): readonly DistfileWorth[];
  /** Its bytes were found right just now. */
  verified(name: DistfileName, at: number): void;
  /** Its bytes are wrong under this stamp. */
  spoil(name: DistfileName, stamp: string): void;
  /** Those longest not verified, those never verified first. */
  longestUnverified(limit: number): readonly DistfileRow[];
  /** All names, for comparison with the disk. */
  names(): readonly DistfileName[];
  partial(name: DistfileName): PartialRow | undefined;
  putPartial(row: PartialRow): void;
  forgetPartial(name: DistfileName): void;
}

/** @param onChange told the name of each row that is put, forgotten or spoilt; uses are no change */
export function createDistfileRows(
  db: IndexDatabase,
  onChange: (name: DistfileName) => void = () => undefined,
): DistfileRows {
  const select = db
    .select()
    .from(distfiles)
    .where(eq(distfiles.name, sql.placeholder("name")))
    .prepare();
  const selectPartial = db
    .select()
    .from(partials)
    .where(eq(partials.name, sql.placeholder("name")))
    .prepare();
  const { name: nameColumn, size, source, usedAt, heat, orphanedAt } = distfiles;
  const selectPage = db
    .select({ name: nameColumn, size, source, usedAt, heat, orphanedAt })
    .from(distfiles)
    .where(gt(distfiles.name, sql.placeholder("after")))
    .orderBy(asc(distfiles.name))
    .limit(sql.placeholder("limit"))
    .prepare();
  const deleteOne = db
    .delete(distfiles)
    .where(eq(distfiles.name, sql.placeholder("name")))
    .returning({ size: distfiles.size })
    .prepare();
  const countUses = db
    .update(distfiles)
    .set({
      heat: sql`${distfiles.heat} * pow(0.5, max(0, ${sql.placeholder("at")} - ${distfiles.usedAt}) * 1.0 / ${HEAT_HALF_LIFE_MS}) + ${sql.placeholder("uses")}`,
      usedAt: sql`max(${distfiles.usedAt}, ${sql.placeholder("at")})`,
      uses: sql`${distfiles.uses} + ${sql.placeholder("uses")}`,
    })
    .where(eq(distfiles.name, sql.placeholder("name")))
    .prepare();
  const used = createUses<DistfileName>(db, (name, uses, at) => countUses.run({ name, uses, at }));
  let total: number | undefined;

  function sum(): number {
    const bytes = sql<number>`coalesce(sum(${distfiles.size}), 0)`;
    return db.select({ bytes }).from(distfiles).get()?.bytes ?? 0;
  }

  return {
    get: (name) => select.get({ name }),
    put(row) {
      onChange(row.name);
      const before = total === undefined ? 0 : (select.get({ name: row.name })?.size ?? 0);
      db.insert(distfiles).values(row).onConflictDoUpdate({ target: distfiles.name, set: row }).run();
      if (total !== undefined) total += row.size - before;
    },
    forget(name) {
      onChange(name);
      used.forget(name);
      const gone = deleteOne.get({ name });
      if (total !== undefined) total -= gone?.size ?? 0;
    },
    touch: used.touch,
    flush: used.flush,
    bytes() {
      total ??= sum();
      return total;
    },
    count: () => db.select({ files: count() }).from(distfiles).get()?.files ?? 0,
    page: (after, limit) => selectPage.all({ after, limit }),
    verified(name, at) {
      db.update(distfiles).set({ verifiedAt: at, badStamp: null }).where(eq(distfiles.name, name)).run();
    },
    spoil(name, stamp) {
      onChange(name);
      db.update(distfiles).set({ badStamp: stamp }).where(eq(distfiles.name, name)).run();
    },
    longestUnverified: (limit) => db.select().from(distfiles).orderBy(asc(distfiles.verifiedAt)).limit(limit).all(),
    names: () =>
      db
        .select({ name: distfiles.name })
        .from(distfiles)
        .all()
        .map(({ name }) => name),
    partial: (name) => selectPartial.get({ name }),
    putPartial(row) {
      db.insert(partials).values(row).onConflictDoUpdate({ target: partials.name, set: row }).run();
    },
    forgetPartial(name) {
      db.delete(partials).where(eq(partials.name, name)).run();
    },
  };
}
