/**
 * Marks orphans: stored files that a Manifest once wanted and none wants now. The time for which a file is an orphan counts only while
 * all repositories can be read. Files that no repository ever knew, such as mirror files, are none.
 */
import { and, asc, eq, gt, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { FileName } from "../distfile/mirror-path.ts";
import { isUnverified } from "./files.ts";
import { distEntries, manifests } from "./manifests-schema.ts";
import type { IndexDatabase } from "./open.ts";
import { files, repositories, settings } from "./schema.ts";

export interface OrphanRows {
  /** Marks the next files by name after that one; returns the last of them, undefined when none is left. */
  mark(after: string, limit: number, now: number): string | undefined;
  /** When all repositories were last known to be current. */
  currentAt(): number | undefined;
  /** Notes that they are current now: orphans grow no older by the time in between that is more than `atMost`. */
  sawCurrent(now: number, atMost: number): void;
}

/** Key of the setting that says when all repositories were last current. */
export const CURRENT_AT = "repositories_current_at";

/** @param onWanted gets the bytes of fetched files that a Manifest wants for the first time */
export function createOrphanRows(db: IndexDatabase, onWanted: (bytes: number) => void = () => undefined): OrphanRows {
  // Where another content of the name is wanted instead, this one is not wanted any more. Old hashes do not bind.
  const sameContent = sql`${distEntries.name} = ${files.name} AND ${distEntries.size} = ${files.size} AND (
    ${distEntries.blake2b} IS NULL OR ${files.blake2b} IS NULL OR ${distEntries.blake2b} = ${files.blake2b})`;
  // Drizzle leaves out tables' names in what it selects from one table, but not in SQL within SQL.
  const wanting = sql`${distEntries} JOIN ${manifests} ON ${manifests.id} = ${distEntries.manifestId}
    JOIN ${repositories} ON ${repositories.id} = ${manifests.repositoryId}`;
  const names = db
    .select({
      name: files.name,
      size: files.size,
      source: files.source,
      wantedOnce: files.wantedOnce,
      orphanedAt: files.orphanedAt,
      wanted: sql<number>`EXISTS (SELECT 1 FROM ${wanting} WHERE ${sameContent})`,
    })
    .from(files)
    .where(gt(files.name, sql.placeholder("after")))
    .orderBy(asc(files.name))
    .limit(sql.placeholder("limit"))
    .prepare();

  function currentAt(): number | undefined {
    const value = db.select().from(settings).where(eq(settings.key, CURRENT_AT)).get()?.value;
    return value === undefined ? undefined : Number(value);
  }

  return {
    mark(after, limit, now) {
      const page = names.all({ after, limit });
      const wanted = page.filter((row) => row.wanted && (!row.wantedOnce || row.orphanedAt !== null));
      const orphans = page.filter((row) => !row.wanted && row.wantedOnce && row.orphanedAt === null);
      const named = (rows: readonly { readonly name: FileName }[]) =>
        inArray(
          files.name,
          rows.map(({ name }) => name),
        );
      if (wanted.length > 0) db.update(files).set({ wantedOnce: true, orphanedAt: null }).where(named(wanted)).run();
      onWanted(wanted.filter(isUnverified).reduce((sum, { size }) => sum + size, 0));
      if (orphans.length > 0)
        db.update(files)
          .set({ orphanedAt: now })
          .where(and(named(orphans), isNull(files.orphanedAt)))
          .run();
      return page.length < limit ? undefined : page.at(-1)?.name;
    },
    currentAt,
    sawCurrent(now, atMost) {
      const before = currentAt();
      db.transaction(() => {
        const lost = before === undefined ? 0 : Math.max(0, now - before - atMost);
        if (lost > 0) {
          db.update(files)
            .set({ orphanedAt: sql`${files.orphanedAt} + ${lost}` })
            .where(isNotNull(files.orphanedAt))
            .run();
        }
        const row = { key: CURRENT_AT, value: String(now) };
        db.insert(settings).values(row).onConflictDoUpdate({ target: settings.key, set: row }).run();
      });
    },
  };
}
