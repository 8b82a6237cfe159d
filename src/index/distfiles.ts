/**
 * Rows of stored files, and what is remembered of partial ones. Use is recorded in memory and written in batches:
 * a hit must not wait for the disk.
 */
import { eq, sql } from "drizzle-orm";
import type { DistfileName } from "../distfile/name.ts";
import type { IndexDatabase } from "./open.ts";
import { distfiles, partials } from "./schema.ts";

export type DistfileRow = typeof distfiles.$inferSelect;
export type PartialRow = typeof partials.$inferSelect;

export interface DistfileRows {
  get(name: DistfileName): DistfileRow | undefined;
  put(row: DistfileRow): void;
  forget(name: DistfileName): void;
  /** Counts one use; written by flush(). */
  touch(name: DistfileName, at: number): void;
  flush(): void;
  /** Of all stored files together. */
  bytes(): number;
  /** All names, for comparison with the disk. */
  names(): readonly DistfileName[];
  partial(name: DistfileName): PartialRow | undefined;
  putPartial(row: PartialRow): void;
  forgetPartial(name: DistfileName): void;
}

export function createDistfileRows(db: IndexDatabase): DistfileRows {
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
  const countUses = db
    .update(distfiles)
    .set({
      usedAt: sql`max(${distfiles.usedAt}, ${sql.placeholder("at")})`,
      uses: sql`${distfiles.uses} + ${sql.placeholder("uses")}`,
    })
    .where(eq(distfiles.name, sql.placeholder("name")))
    .prepare();
  let used = new Map<DistfileName, { uses: number; at: number }>();

  return {
    get: (name) => select.get({ name }),
    put(row) {
      db.insert(distfiles).values(row).onConflictDoUpdate({ target: distfiles.name, set: row }).run();
    },
    forget(name) {
      used.delete(name);
      db.delete(distfiles).where(eq(distfiles.name, name)).run();
    },
    touch(name, at) {
      used.set(name, { uses: (used.get(name)?.uses ?? 0) + 1, at });
    },
    flush() {
      if (used.size === 0) return;
      const batch = used;
      used = new Map();
      try {
        db.transaction(() => {
          for (const [name, { uses, at }] of batch) countUses.run({ name, uses, at });
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
    bytes: () =>
      db
        .select({ bytes: sql<number>`coalesce(sum(${distfiles.size}), 0)` })
        .from(distfiles)
        .get()?.bytes ?? 0,
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
