/**
 * Keeps when the clock was last looked at, and moves the times that the ages of files begin at where it was set.
 */
import { eq, max, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { IndexDatabase } from "./open.ts";
import { CURRENT_AT } from "./orphans.ts";
import { files, settings } from "./schema.ts";

export interface FileTimes {
  /** When the clock was last looked at, as far as that is known. */
  seenAt(): number | undefined;
  saw(now: number): void;
  /**
   * Moves the times of last use, of verification, and since when files are orphans by so much; none of them into the future.
   * Those between `since` and `now` stay.
   */
  shift(ms: number, since: number, now: number): void;
}

const SEEN_AT = "clock_seen_at";

export function createFileTimes(db: IndexDatabase): FileTimes {
  function setting(key: string): number | undefined {
    const value = db.select().from(settings).where(eq(settings.key, key)).get()?.value;
    return value === undefined ? undefined : Number(value);
  }

  function put(key: string, at: number): void {
    const row = { key, value: String(at) };
    db.insert(settings).values(row).onConflictDoUpdate({ target: settings.key, set: row }).run();
  }

  return {
    // An index of before knows when a file was last used.
    seenAt: () =>
      setting(SEEN_AT) ??
      db
        .select({ at: max(files.usedAt) })
        .from(files)
        .get()?.at ??
      undefined,
    saw: (now) => put(SEEN_AT, now),
    shift(ms, since, now) {
      const moved = (column: SQLiteColumn) =>
        sql`CASE WHEN ${column} BETWEEN ${since} AND ${now} THEN ${column} ELSE max(0, min(${column} + ${ms}, ${now})) END`;
      db.transaction(() => {
        db.update(files)
          .set({
            usedAt: moved(files.usedAt),
            orphanedAt: moved(files.orphanedAt),
            verifiedAt: moved(files.verifiedAt),
          })
          .run();
        const currentAt = setting(CURRENT_AT);
        if (currentAt !== undefined) put(CURRENT_AT, Math.min(currentAt + ms, now));
      });
    },
  };
}
