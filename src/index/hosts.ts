/**
 * What is known of mirrors and hosts, over restarts.
 */
import { inArray } from "drizzle-orm";
import type { IndexDatabase } from "./open.ts";
import { readIndex } from "./read.ts";
import { places } from "./schema.ts";

type PlaceRow = typeof places.$inferSelect;
type Known = Omit<PlaceRow, "place" | "askedAt" | "carrying" | "firstByteMs" | "bytesPerSecond" | "openUntil"> & {
  readonly firstByteMs: number | undefined;
  readonly bytesPerSecond: number | undefined;
  readonly openUntil: number | undefined;
};

export interface RememberedPlace {
  readonly place: string;
  readonly known: Readonly<Known>;
  readonly askedAt: number;
  /** Requests under way when it was written. */
  readonly carrying: number;
}

export interface PlaceRows {
  all(): readonly RememberedPlace[];
  /** In one transaction. */
  putAll(remembered: readonly RememberedPlace[]): void;
  forget(keys: readonly string[]): void;
}

function fromRow({ place, askedAt, carrying, ...row }: PlaceRow): RememberedPlace {
  const { firstByteMs, bytesPerSecond, openUntil } = row;
  const known = {
    ...row,
    firstByteMs: firstByteMs ?? undefined,
    bytesPerSecond: bytesPerSecond ?? undefined,
    openUntil: openUntil ?? undefined,
  };
  return { place, known, askedAt, carrying };
}

/**
 * All of them out of an index that another process may be writing; none where there is no index or one from before.
 * @throws {SQLiteError} when it can't be read
 */
export function readPlaces(path: string): readonly RememberedPlace[] {
  return readIndex(path, (db) => createPlaceRows(db).all()) ?? [];
}

export function createPlaceRows(db: IndexDatabase): PlaceRows {
  return {
    all: () => db.select().from(places).all().map(fromRow),
    putAll(remembered) {
      if (remembered.length === 0) return;
      db.transaction(() => {
        for (const { place, known, askedAt, carrying } of remembered) {
          const { firstByteMs = null, bytesPerSecond = null, openUntil = null } = known;
          const row = { ...known, place, askedAt, carrying, firstByteMs, bytesPerSecond, openUntil };
          db.insert(places).values(row).onConflictDoUpdate({ target: places.place, set: row }).run();
        }
      });
    },
    forget(keys) {
      db.delete(places)
        .where(inArray(places.place, [...keys]))
        .run();
    },
  };
}
