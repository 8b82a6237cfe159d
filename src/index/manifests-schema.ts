/**
 * Declares the tables of trees.sqlite: the Manifests of ebuild repositories, as last scanned. A file of its own beside the index, as
 * a scan writes it from a thread for up to seconds at a time, and SQLite has one writer per file: writes to the index do not wait.
 * `drizzle-kit generate --config=drizzle-trees.config.ts` turns this into drizzle/trees/*.sql.
 */
import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { OtherHash } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";

/** Manifests read, one per package, with size, mtime and ctime (ns) to see whether they changed. */
export const manifests = sqliteTable(
  "manifests",
  {
    id: integer("id").primaryKey(),
    /** In the index, so no reference; where that is lost its ids are given to nobody else (repositories.ts). */
    repositoryId: integer("repository_id").notNull(),
    category: text("category").notNull(),
    package: text("package").notNull(),
    stamp: text("stamp").notNull(),
    /** How many rows of dist_entries it has. */
    distfiles: integer("distfiles").notNull(),
  },
  (table) => [uniqueIndex("manifests_package").on(table.repositoryId, table.category, table.package)],
);

/** DIST lines. Without any hash the line gives a size only. */
export const distEntries = sqliteTable(
  "dist_entries",
  {
    manifestId: integer("manifest_id")
      .notNull()
      .references(() => manifests.id, { onDelete: "cascade" }),
    /** From parsed Manifests, which have no other names. */
    name: text("name").$type<DistfileName>().notNull(),
    size: integer("size").notNull(),
    blake2b: text("blake2b"),
    sha512: text("sha512"),
    otherHash: text("other_hash").$type<OtherHash>(),
    // A content-hash request names 128 digits; the first 5 find the row (a million buckets), and the shorter the index,
    // the fewer of its pages each transaction writes. Columns, as drizzle-kit garbles an index on an expression; virtual,
    // so only the index holds them.
    blake2bStart: text("blake2b_start").generatedAlwaysAs(sql`substr(blake2b, 1, 5)`, { mode: "virtual" }),
    sha512Start: text("sha512_start").generatedAlwaysAs(sql`substr(sha512, 1, 5)`, { mode: "virtual" }),
  },
  (table) => [
    index("dist_entries_manifest").on(table.manifestId),
    index("dist_entries_name").on(table.name),
    index("dist_entries_blake2b").on(table.blake2bStart),
    index("dist_entries_sha512").on(table.sha512Start),
  ],
);
