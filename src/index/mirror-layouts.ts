/**
 * Keeps the layout.conf of each mirror as last fetched, over restarts.
 */
import { eq } from "drizzle-orm";
import type { IndexDatabase } from "./open.ts";
import { mirrorLayouts } from "./schema.ts";

export interface RememberedLayout {
  /** Empty where the mirror is flat, and has none. */
  readonly layoutConf: string;
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number;
}

export interface MirrorLayoutRows {
  get(url: string): RememberedLayout | undefined;
  put(url: string, layout: RememberedLayout): void;
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
