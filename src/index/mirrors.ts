/**
 * Keeps over restarts which mirrors had the files of which repositories, and the layout.conf of each mirror.
 */
import { eq, sql } from "drizzle-orm";
import type { MirrorAnswerRows, MirrorLayoutRows } from "../distfile/mirror-records.ts";
import type { IndexDatabase } from "./open.ts";
import { mirrorAnswers, mirrorLayouts } from "./schema.ts";

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

export function createMirrorLayoutRows(db: IndexDatabase): MirrorLayoutRows {
  return {
    get: (url) => db.select().from(mirrorLayouts).where(eq(mirrorLayouts.url, url)).get(),
    put(url, layout) {
      const row = { url, ...layout };
      db.insert(mirrorLayouts).values(row).onConflictDoUpdate({ target: mirrorLayouts.url, set: row }).run();
    },
  };
}
