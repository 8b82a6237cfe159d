/**
 * Counts which mirrors had the files of which repositories, over restarts.
 */
import { sql } from "drizzle-orm";
import type { IndexDatabase } from "./open.ts";
import { mirrorAnswers } from "./schema.ts";

export interface MirrorAnswers {
  readonly mirror: string;
  /** Name of the repository. */
  readonly repository: string;
  readonly found: number;
  readonly absent: number;
}

export interface MirrorAnswerRows {
  all(): readonly MirrorAnswers[];
  put(answers: MirrorAnswers): void;
}

export function createMirrorAnswerRows(db: IndexDatabase): MirrorAnswerRows {
  return {
    all: () => db.select().from(mirrorAnswers).all(),
    put(answers) {
      db.insert(mirrorAnswers)
        .values(answers)
        .onConflictDoUpdate({
          target: [mirrorAnswers.mirror, mirrorAnswers.repository],
          set: { found: sql`excluded.found`, absent: sql`excluded.absent` },
        })
        .run();
    },
  };
}
