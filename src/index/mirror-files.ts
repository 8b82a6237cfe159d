/**
 * Rows of what else than distfiles is stored, and what is remembered of partial ones. Use is recorded in memory and written in
 * batches: a hit must not wait for the disk.
 */
import { and, asc, count, desc, eq, gt, ne, sql } from "drizzle-orm";
import type { MirrorPath } from "../distfile/mirror-path.ts";
import { HEAT_HALF_LIFE_MS } from "./files.ts";
import type { IndexDatabase } from "./open.ts";
import { mirrorFiles, mirrorPartials } from "./schema.ts";
import { createUses } from "./use-counter.ts";

export type MirrorFileRow = typeof mirrorFiles.$inferSelect;
/** What is left out stays as it is in a row that is there already. */
export type MirrorFileNews = typeof mirrorFiles.$inferInsert;
/** What a 304 tells anew. */
export type Freshened = Pick<
  MirrorFileRow,
  "etag" | "lastModified" | "cacheControl" | "expiresAt" | "dateAt" | "answeredAt" | "initialAgeMs" | "outdated"
> &
  Partial<Pick<MirrorFileRow, "source">>;
export type MirrorPartialRow = typeof mirrorPartials.$inferSelect;

export interface MirrorFileRows {
  get(path: MirrorPath): MirrorFileRow | undefined;
  put(row: MirrorFileNews): void;
  freshen(path: MirrorPath, news: Freshened): void;
  /** Its bytes have been read now. */
  identify(path: MirrorPath, blake2b: string): void;
  forget(path: MirrorPath): void;
  /** Its bytes were found to be these just now. */
  verified(path: MirrorPath, found: Pick<MirrorFileRow, "blake2b" | "stamp">, at: number): void;
  /** Its bytes are not those that were stored: it has no stamp from now on. */
  spoil(path: MirrorPath, at: number): void;
  /** Those longest not verified, those never verified first. */
  longestUnverified(limit: number): readonly MirrorFileRow[];
  /** Of one stem, the one that changed last first. */
  ofStem(stem: string): readonly MirrorFileRow[];
  /** All others of its stem have to be asked for again. */
  outdateOthers(stem: string, path: MirrorPath): void;
  /** Counts one use; written by flush(). */
  touch(path: MirrorPath, at: number): void;
  flush(): void;
  /** Of all of them together; counted once and kept up from then on. */
  bytes(): number;
  count(): number;
  /** What clean-up goes by, of the next files by path after that one; the first ones after the empty path. */
  page(after: string, limit: number): readonly Pick<MirrorFileRow, "path" | "size" | "source" | "usedAt" | "heat">[];
  paths(): readonly MirrorPath[];
  partial(path: MirrorPath): MirrorPartialRow | undefined;
  putPartial(row: MirrorPartialRow): void;
  forgetPartial(path: MirrorPath): void;
}

export function createMirrorFileRows(db: IndexDatabase): MirrorFileRows {
  const byPath = eq(mirrorFiles.path, sql.placeholder("path"));
  const select = db.select().from(mirrorFiles).where(byPath).prepare();
  const { path: pathColumn, size, source, usedAt, heat } = mirrorFiles;
  const selectPage = db
    .select({ path: pathColumn, size, source, usedAt, heat })
    .from(mirrorFiles)
    .where(gt(mirrorFiles.path, sql.placeholder("after")))
    .orderBy(asc(mirrorFiles.path))
    .limit(sql.placeholder("limit"))
    .prepare();
  const countUses = db
    .update(mirrorFiles)
    .set({
      heat: sql`${heat} * pow(0.5, max(0, ${sql.placeholder("at")} - ${usedAt}) * 1.0 / ${HEAT_HALF_LIFE_MS}) + ${sql.placeholder("uses")}`,
      usedAt: sql`max(${usedAt}, ${sql.placeholder("at")})`,
      uses: sql`${mirrorFiles.uses} + ${sql.placeholder("uses")}`,
    })
    .where(byPath)
    .prepare();
  const used = createUses<MirrorPath>(db, (path, uses, at) => countUses.run({ path, uses, at }));
  let total: number | undefined;

  function sum(): number {
    const bytes = sql<number>`coalesce(sum(${size}), 0)`;
    return db.select({ bytes }).from(mirrorFiles).get()?.bytes ?? 0;
  }

  return {
    get: (path) => select.get({ path }),
    put(row) {
      const before = total === undefined ? 0 : (select.get({ path: row.path })?.size ?? 0);
      db.insert(mirrorFiles).values(row).onConflictDoUpdate({ target: pathColumn, set: row }).run();
      if (total !== undefined) total += row.size - before;
    },
    freshen(path, news) {
      db.update(mirrorFiles).set(news).where(eq(pathColumn, path)).run();
    },
    identify(path, blake2b) {
      db.update(mirrorFiles).set({ blake2b }).where(eq(pathColumn, path)).run();
    },
    forget(path) {
      used.forget(path);
      const gone = db.delete(mirrorFiles).where(eq(pathColumn, path)).returning({ size }).get();
      if (total !== undefined) total -= gone?.size ?? 0;
    },
    verified(path, found, at) {
      db.update(mirrorFiles)
        .set({ ...found, verifiedAt: at })
        .where(eq(pathColumn, path))
        .run();
    },
    spoil(path, at) {
      db.update(mirrorFiles).set({ stamp: "", verifiedAt: at }).where(eq(pathColumn, path)).run();
    },
    longestUnverified: (limit) => db.select().from(mirrorFiles).orderBy(asc(mirrorFiles.verifiedAt)).limit(limit).all(),
    ofStem: (stem) =>
      db.select().from(mirrorFiles).where(eq(mirrorFiles.stem, stem)).orderBy(desc(mirrorFiles.storedAt)).all(),
    outdateOthers(stem, path) {
      db.update(mirrorFiles)
        .set({ outdated: true })
        .where(and(eq(mirrorFiles.stem, stem), ne(pathColumn, path)))
        .run();
    },
    touch: used.touch,
    flush: used.flush,
    bytes() {
      total ??= sum();
      return total;
    },
    count: () => db.select({ files: count() }).from(mirrorFiles).get()?.files ?? 0,
    page: (after, limit) => selectPage.all({ after, limit }),
    paths: () =>
      db
        .select({ path: pathColumn })
        .from(mirrorFiles)
        .all()
        .map(({ path }) => path),
    partial: (path) => db.select().from(mirrorPartials).where(eq(mirrorPartials.path, path)).get(),
    putPartial(row) {
      db.insert(mirrorPartials).values(row).onConflictDoUpdate({ target: mirrorPartials.path, set: row }).run();
    },
    forgetPartial(path) {
      db.delete(mirrorPartials).where(eq(mirrorPartials.path, path)).run();
    },
  };
}
