/**
 * Declares the tables of the index (Drizzle, SQLite). The disk is the truth and this is its memory: every table can be rebuilt
 * from the store and the repositories. Hashes are lower-case hex; instants are milliseconds since the epoch.
 * What the repositories want is in a file of its own (manifests-schema.ts).
 * `drizzle-kit generate` turns this into drizzle/*.sql, which the executable carries and applies at start.
 */

import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { OtherHash } from "../distfile/digests.ts";
import type { FailedSources } from "../distfile/failed-sources.ts";
import type { FileKind } from "../distfile/file-kind.ts";
import type { FileName, MirrorPath } from "../distfile/mirror-path.ts";
import { REMOVAL_REASONS, RESOLUTIONS } from "../distfile/reporting.ts";
import type { FailureKind } from "../distfile/response-outcome.ts";

/**
 * Single values: `id`, the random name of the store in Via and CDN-Loop; when the repositories were last current, and when the
 * clock was last looked at; `vacuum`, where a migration has taken out a secret.
 */
export const settings = sqliteTable("settings", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
});

/** Stored files of both kinds, one row each, written only once the file has its final name. */
export const files = sqliteTable(
  "files",
  {
    /** A distfile's name, or a mirror file's path, which has a slash at least. */
    name: text("name").$type<FileName>().primaryKey(),
    size: integer("size").notNull(),
    /** Computed from the bytes; null until a file found on disk has been read. */
    blake2b: text("blake2b"),
    sha512: text("sha512"),
    /** By other algorithms, where a Manifest has none of these two. */
    otherHashes: text("other_hashes", { mode: "json" }).$type<readonly OtherHash[]>(),
    /** Size, mtime and ctime as last seen: another value means that somebody touched the file. */
    stamp: text("stamp").notNull(),
    /** URL that the last piece of the file came from; empty for files found on disk. */
    source: text("source").notNull(),
    storedAt: integer("stored_at").notNull(),
    usedAt: integer("used_at").notNull(),
    uses: integer("uses").notNull().default(0),
    /** Uses as of `usedAt`, each worth half as much after every half-life (files.ts); the fetch itself is the first. */
    useScore: real("use_score").notNull().default(1),
    /** Whether a Manifest ever wanted it: others are no orphans, such as mirror files. */
    wantedOnce: integer("wanted_once", { mode: "boolean" }).notNull().default(false),
    /** Since when no Manifest wants it, moved on by the times in which the repositories could not be read. */
    orphanedAt: integer("orphaned_at"),
    /** When its bytes were last found right; null: not yet. */
    verifiedAt: integer("verified_at"),
    /** The stamp under which its bytes were found wrong: as long as it has that one, nobody gets it. */
    badStamp: text("bad_stamp"),
  },
  (table) => [
    index("files_verified").on(table.verifiedAt),
    // What people sort a hundred thousand files by: reading them all for it would hold up hits.
    index("files_size").on(table.size),
    index("files_stored_at").on(table.storedAt),
    index("files_uses").on(table.uses),
  ],
);

/**
 * What RFC 9111 asks a cache to keep of the response that a mirror file came with, updated by each 304. A mirror file without a
 * row was found on disk, and a mirror has to be asked before it is used.
 */
export const httpMetadata = sqliteTable(
  "http_metadata",
  {
    name: text("name")
      .$type<MirrorPath>()
      .primaryKey()
      .references(() => files.name, { onDelete: "cascade" }),
    /** Path of the file that it is, or says something about (stemOf): those of one stem have to be of one time. */
    stem: text("stem").notNull(),
    /** Upstream's validators as it sent them, to be given back; null: it sent none. */
    etag: text("etag"),
    lastModified: text("last_modified"),
    /** Upstream's Cache-Control; empty: it sent none. */
    cacheControl: text("cache_control").notNull(),
    /** Upstream's Expires; 0 where it sent one that is no date: it has expired (RFC 9111, section 5.3); null: it sent none. */
    expiresAt: integer("expires_at"),
    /** Upstream's Date, or when its response came. */
    dateAt: integer("date_at").notNull(),
    /** When that response, or the last 304, came, and how old it was then. */
    answeredAt: integer("answered_at").notNull(),
    initialAgeMs: integer("initial_age_ms").notNull(),
    /** To be revalidated whatever its age: another file of its stem has changed. */
    outdated: integer("outdated", { mode: "boolean" }).notNull().default(false),
  },
  (table) => [index("http_metadata_stem").on(table.stem)],
);

/** What is needed to resume files coming in, beyond their bytes in partial/. */
export const partials = sqliteTable("partials", {
  name: text("name").$type<FileName>().primaryKey(),
  url: text("url").notNull(),
  /** Strong, as sent. */
  etag: text("etag"),
  lastModified: text("last_modified"),
  total: integer("total").notNull(),
});

/** Ebuild repositories; position is their order, which decides where two disagree on one name. */
export const repositories = sqliteTable(
  "repositories",
  {
    id: integer("id").primaryKey(),
    location: text("location").notNull(),
    name: text("name").notNull(),
    position: integer("position").notNull(),
  },
  (table) => [uniqueIndex("repositories_location").on(table.location)],
);

/** The layout.conf of each mirror, fetched once a day (GLEP 75); empty text: the mirror is flat. */
export const mirrorLayouts = sqliteTable("mirror_layouts", {
  url: text("url").primaryKey(),
  layoutConf: text("layout_conf").notNull(),
  fetchedAt: integer("fetched_at").notNull(),
});

/** What ebuilds said when they were sourced; valid as long as the ebuild and its eclasses are these. */
export const evaluations = sqliteTable(
  "evaluations",
  {
    location: text("location")
      .notNull()
      .references(() => repositories.location, { onDelete: "cascade" }),
    category: text("category").notNull(),
    package: text("package").notNull(),
    /** Package name and version with revision. */
    pf: text("pf").notNull(),
    md5: text("md5").notNull(),
    /** As in md5-cache: name, tabulator, MD5, and so on. */
    eclasses: text("eclasses").notNull(),
    eapi: text("eapi").notNull(),
    srcUri: text("src_uri").notNull(),
    restrict: text("restrict").notNull(),
    homepage: text("homepage").notNull(),
  },
  (table) => [primaryKey({ columns: [table.location, table.category, table.package, table.pf] })],
);

/** How often a mirror had, and had not, a file that only this repository wants. */
export const mirrorAnswers = sqliteTable(
  "mirror_answers",
  {
    mirror: text("mirror").notNull(),
    /** The repository's name. */
    repository: text("repository").notNull(),
    found: integer("found").notNull(),
    absent: integer("absent").notNull(),
  },
  (table) => [primaryKey({ columns: [table.mirror, table.repository] })],
);

/** Statistics of the hosts that files come from, as src/mirrors/host-stats.ts has them. */
export const hosts = sqliteTable("hosts", {
  /** Of a mirror the URL without credentials, of a host of SRC_URI the origin. */
  host: text("host").primaryKey(),
  firstByteMs: real("first_byte_ms"),
  /** Milliseconds, oldest first. */
  recentFirstByteMs: text("recent_first_byte_ms", { mode: "json" }).$type<readonly number[]>().notNull(),
  bytesPerSecond: real("bytes_per_second"),
  speedBytes: real("speed_bytes").notNull(),
  delivered: real("delivered").notNull(),
  absent: real("absent").notNull(),
  failed: real("failed").notNull(),
  strikes: integer("strikes").notNull(),
  openUntil: integer("open_until"),
  openForMs: integer("open_for_ms").notNull(),
  seenAt: integer("seen_at").notNull(),
  lastRequestAt: integer("last_request_at").notNull(),
  /** Until when it asked not to be asked again; 0: it did not. */
  waitUntil: integer("wait_until").notNull().default(0),
  /** Requests under way when this was written. */
  activeRequests: integer("active_requests").notNull(),
});

/** Counts of requests and bytes in buckets of time, as src/index/statistics.ts has it; "total": of all time. */
export const statistics = sqliteTable(
  "statistics",
  {
    resolution: text("resolution", { enum: [...RESOLUTIONS, "total"] }).notNull(),
    at: integer("at").notNull(),
    hits: integer("hits").notNull(),
    misses: integer("misses").notNull(),
    joined: integer("joined").notNull(),
    absent: integer("absent").notNull(),
    failed: integer("failed").notNull(),
    refused: integer("refused").notNull(),
    other: integer("other").notNull(),
    hitBytes: integer("hit_bytes").notNull(),
    missBytes: integer("miss_bytes").notNull(),
    joinedBytes: integer("joined_bytes").notNull(),
    mirrorBytes: integer("mirror_bytes").notNull(),
    uriBytes: integer("uri_bytes").notNull(),
  },
  (table) => [primaryKey({ columns: [table.resolution, table.at] })],
);

/** The same of all time by kind of file, without what was fetched. */
export const kindCounts = sqliteTable("kind_counts", {
  kind: text("kind").$type<FileKind>().primaryKey(),
  hits: integer("hits").notNull(),
  misses: integer("misses").notNull(),
  joined: integer("joined").notNull(),
  absent: integer("absent").notNull(),
  failed: integer("failed").notNull(),
  refused: integer("refused").notNull(),
  other: integer("other").notNull(),
  hitBytes: integer("hit_bytes").notNull(),
  missBytes: integer("miss_bytes").notNull(),
  joinedBytes: integer("joined_bytes").notNull(),
});

/** Clients; empty where `[server] client_statistics` is off. */
export const clients = sqliteTable("clients", {
  address: text("address").primaryKey(),
  requests: integer("requests").notNull(),
  hits: integer("hits").notNull(),
  bytes: integer("bytes").notNull(),
  /** Bytes of these that took no download of their own. */
  savedBytes: integer("saved_bytes").notNull().default(0),
  firstSeen: integer("first_seen").notNull(),
  lastSeen: integer("last_seen").notNull(),
});

/** Failures of late. */
export const failures = sqliteTable(
  "failures",
  {
    file: text("file").notNull(),
    kind: text("kind").$type<FailureKind>().notNull(),
    reason: text("reason").notNull(),
    sources: text("sources", { mode: "json" }).$type<readonly FailedSources[]>().notNull().default([]),
    count: integer("count").notNull(),
    firstAt: integer("first_at").notNull(),
    lastAt: integer("last_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.file] })],
);

/** Files removed of late, and why. */
export const removals = sqliteTable(
  "removals",
  {
    name: text("name").primaryKey(),
    at: integer("at").notNull(),
    reason: text("reason", { enum: REMOVAL_REASONS }).notNull(),
  },
  (table) => [index("removals_at").on(table.at)],
);
