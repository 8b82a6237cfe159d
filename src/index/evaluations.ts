/**
 * Keeps what ebuilds said when they were sourced, so that bash is not run for them again after a restart.
 */
import { and, eq, notInArray } from "drizzle-orm";
import type { IndexDatabase } from "./open.ts";
import { evaluations } from "./schema.ts";

/** One version of a package; hashes are MD5 in lower-case hex. */
export interface EvaluationRow {
  /** Package name and version with revision. */
  readonly pf: string;
  /** MD5 of the ebuild. */
  readonly md5: string;
  /** NAME\tMD5 pairs, as in md5-cache. */
  readonly eclasses: string;
  readonly eapi: string;
  readonly srcUri: string;
  readonly restrict: string;
  readonly homepage: string;
}

/** Identifies a package; `location` is a configured repository's. */
export interface EvaluatedPackage {
  readonly location: string;
  readonly category: string;
  readonly package: string;
}

export interface EvaluationRows {
  get(key: EvaluatedPackage): readonly EvaluationRow[];
  /** Adds rows, and forgets the rows of versions that are not `present` any more. */
  put(key: EvaluatedPackage, rows: readonly EvaluationRow[], present: readonly string[]): void;
}

export function createEvaluationRows(db: IndexDatabase): EvaluationRows {
  const isOf = ({ location, category, package: name }: EvaluatedPackage) =>
    and(eq(evaluations.location, location), eq(evaluations.category, category), eq(evaluations.package, name));
  return {
    get: (key) => db.select().from(evaluations).where(isOf(key)).all(),
    put({ location, category, package: name }, rows, present) {
      const key = { location, category, package: name };
      db.transaction(() => {
        db.delete(evaluations)
          .where(and(isOf(key), notInArray(evaluations.pf, [...present])))
          .run();
        for (const { pf, md5, eclasses, eapi, srcUri, restrict, homepage } of rows) {
          const set = { md5, eclasses, eapi, srcUri, restrict, homepage };
          db.insert(evaluations)
            .values({ ...key, pf, ...set })
            .onConflictDoUpdate({
              target: [evaluations.location, evaluations.category, evaluations.package, evaluations.pf],
              set,
            })
            .run();
        }
      });
    },
  };
}
