/**
 * The tables about what else than distfiles is stored, as schema.ts has the others.
 */
import { index, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { MirrorPath } from "../distfile/mirror-path.ts";

/** What else than distfiles is stored, one row for each file, and what RFC 9111 asks to be known of the answer it came with. */
export const mirrorFiles = sqliteTable(
  "mirror_files",
  {
    path: text("path").$type<MirrorPath>().primaryKey(),
    /** Path of the file that it is, or says something about (stemOf): those of one stem have to be of one time. */
    stem: text("stem").notNull(),
    size: integer("size").notNull(),
    /** Computed from the bytes; null until a file found on disk has been read. */
    blake2b: text("blake2b"),
    /** Size, mtime and ctime as last seen: another value means somebody touched the file. */
    stamp: text("stamp").notNull(),
    /** Upstream's, if it told; when it was stored if not. */
    lastModifiedAt: integer("last_modified_at").notNull(),
    /** URL that the last piece of the file came from; empty for files found on disk. */
    source: text("source").notNull(),
    /** Upstream's validators as it sent them, to be given back; null: it sent none. */
    etag: text("etag"),
    lastModified: text("last_modified"),
    /** Upstream's Cache-Control; empty: it sent none. */
    cacheControl: text("cache_control").notNull(),
    /** Upstream's Expires; 0 where it sent one that is no date: it has expired (RFC 9111, 5.3); null: it sent none. */
    expiresAt: integer("expires_at"),
    /** Upstream's Date, else when its answer came. */
    dateAt: integer("date_at").notNull(),
    /** When that answer, or the last 304, came, and how old it was then. */
    answeredAt: integer("answered_at").notNull(),
    initialAgeMs: integer("initial_age_ms").notNull(),
    /** To be asked for again whatever its age: another of its stem has changed, or nobody knows how old it is. */
    outdated: integer("outdated", { mode: "boolean" }).notNull().default(false),
    /** When its bytes were last found to be those that were stored; null: not yet. */
    verifiedAt: integer("verified_at"),
    storedAt: integer("stored_at").notNull(),
    usedAt: integer("used_at").notNull(),
    uses: integer("uses").notNull().default(0),
    /** As of distfiles. */
    heat: real("heat").notNull().default(1),
  },
  (table) => [index("mirror_files_stem").on(table.stem)],
);

/** What its part in partial/mirror/ may be gone on from. */
export const mirrorPartials = sqliteTable("mirror_partials", {
  path: text("path").$type<MirrorPath>().primaryKey(),
  url: text("url").notNull(),
  /** Strong, as sent. */
  etag: text("etag"),
  lastModified: text("last_modified"),
  total: integer("total").notNull(),
});
