/**
 * Keeps what ebuilds said when they were sourced, so that bash is not run for them again after a restart.
 */
import { and, eq, notInArray } from "drizzle-orm";
import type { EvaluatedPackage, EvaluationRows } from "../distfile/evaluation-rows.ts";
import type { IndexDatabase } from "./open.ts";
import { evaluations } from "./schema.ts";

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
