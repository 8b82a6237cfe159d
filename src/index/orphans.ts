/**
 * Which stored files the trees want. A file that a Manifest once wanted and none wants now is an orphan; the time for
 * which it is one counts only while all trees can be told. Files that no tree ever knew are none.
 */
import { and, asc, eq, gt, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { DistfileName } from "../distfile/name.ts";
import type { IndexDatabase } from "./open.ts";
import { distfiles, repositories, settings } from "./schema.ts";
import { distEntries, manifests } from "./trees-schema.ts";

export interface OrphanRows {
  /** Notes of the next files by name after that one whether they are wanted; undefined when none is left. */
  mark(after: string, limit: number, now: number): string | undefined;
  /** When all trees were last known well. */
  wellAt(): number | undefined;
  /** They are well now: orphans grow no older by the time in between that is more than `atMost`. */
  sawWell(now: number, atMost: number): void;
}

const WELL_AT = "trees_well_at";

export function createOrphanRows(db: IndexDatabase): OrphanRows {
  // Another content of the same name is wanted instead: this one nobody gets any more. Old hashes do not tell.
  const sameContent = sql`${distEntries.name} = ${distfiles.name} AND ${distEntries.size} = ${distfiles.size} AND (
    ${distEntries.blake2b} IS NULL OR ${distfiles.blake2b} IS NULL OR ${distEntries.blake2b} = ${distfiles.blake2b})`;
  // Drizzle leaves out tables' names in what it selects from one table, but not in SQL within SQL.
  const wanting = sql`${distEntries} JOIN ${manifests} ON ${manifests.id} = ${distEntries.manifestId}
    JOIN ${repositories} ON ${repositories.id} = ${manifests.repositoryId}`;
  const names = db
    .select({
      name: distfiles.name,
      wantedOnce: distfiles.wantedOnce,
      orphanedAt: distfiles.orphanedAt,
      wanted: sql<number>`EXISTS (SELECT 1 FROM ${wanting} WHERE ${sameContent})`,
    })
    .from(distfiles)
    .where(gt(distfiles.name, sql.placeholder("after")))
    .orderBy(asc(distfiles.name))
    .limit(sql.placeholder("limit"))
    .prepare();

  function wellAt(): number | undefined {
    const value = db.select().from(settings).where(eq(settings.key, WELL_AT)).get()?.value;
    return value === undefined ? undefined : Number(value);
  }

  return {
    mark(after, limit, now) {
      const page = names.all({ after, limit });
      const wanted = page.filter((row) => row.wanted && (!row.wantedOnce || row.orphanedAt !== null));
      const orphans = page.filter((row) => !row.wanted && row.wantedOnce && row.orphanedAt === null);
      const named = (rows: readonly { readonly name: DistfileName }[]) =>
        inArray(
          distfiles.name,
          rows.map(({ name }) => name),
        );
      if (wanted.length > 0)
        db.update(distfiles).set({ wantedOnce: true, orphanedAt: null }).where(named(wanted)).run();
      if (orphans.length > 0)
        db.update(distfiles)
          .set({ orphanedAt: now })
          .where(and(named(orphans), isNull(distfiles.orphanedAt)))
          .run();
      return page.length < limit ? undefined : page.at(-1)?.name;
    },
    wellAt,
    sawWell(now, atMost) {
      const before = wellAt();
      db.transaction(() => {
        const lost = before === undefined ? 0 : Math.max(0, now - before - atMost);
        if (lost > 0) {
          db.update(distfiles)
            .set({ orphanedAt: sql`${distfiles.orphanedAt} + ${lost}` })
            .where(isNotNull(distfiles.orphanedAt))
            .run();
        }
        const row = { key: WELL_AT, value: String(now) };
        db.insert(settings).values(row).onConflictDoUpdate({ target: settings.key, set: row }).run();
      });
    },
  };
}
