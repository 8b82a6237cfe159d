/**
 * Opens the index and beside it trees.sqlite, or makes new ones where they are missing or damaged: everything in them can be found
 * again on disk. A damaged file is set aside as `….damaged`, never deleted, and never trusted. Also reads the index of a store that
 * another process may be using.
 */
import { constants, Database, SQLiteError } from "bun:sqlite";
import { accessSync, existsSync, constants as fileConstants, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";
import { reasonOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { makeOwnerOnly, takeFromOthers } from "../lib/owner-only.ts";
import { saysDamage } from "../lib/sqlite-damage.ts";
import * as schema from "./schema.ts";

export type IndexDatabase = BunSQLiteDatabase<typeof schema> & { readonly $client: Database };

export interface Damage {
  readonly file: string;
  readonly damage: string;
}

export interface Index {
  readonly path: string;
  /** Path of trees.sqlite, which has the Manifests; undefined where they are in memory, so that nobody else can write them. */
  readonly manifestsPath?: string;
  /** Both databases. */
  readonly db: IndexDatabase;
  /** Why it is in memory alone and ends with the process, where that is so. */
  readonly refused?: string;
  /** Files that were there and are not used, and why. */
  readonly damages: readonly Damage[];
  /** Whether not all of its pages were checked, as there are many. */
  readonly unchecked: boolean;
  /** Writes back the log and closes; the files are then whole without their -wal. */
  close(): void;
}

const MEMORY = ":memory:";
const LONG_LOG_BYTES = 16 * 1024 * 1024;

/** Returns whether the write-ahead log of an index is due to be written back. */
export function isLogLong(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > LONG_LOG_BYTES;
}

/** Returns whether an error of a query says that the file is damaged; Drizzle wraps SQLite's own. */
export function isIndexDamage(error: unknown): error is Error {
  if (error instanceof DamagedIndexError || saysDamage(error)) return true;
  return error instanceof Error && error.cause !== undefined && isIndexDamage(error.cause);
}

/** Result codes that say that the disk takes nothing: SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN. */
const REFUSED = new Set([10, 13, 14]);

/** Returns why the disk takes nothing, where an error says so; Drizzle wraps SQLite's own. */
function refusalIn(error: unknown): string | undefined {
  if (error instanceof SQLiteError) return REFUSED.has(error.errno & 0xff) ? reasonOf(error) : undefined;
  return error instanceof Error && error.cause !== undefined ? refusalIn(error.cause) : undefined;
}

class DamagedIndexError extends Error {}

/** Reads all pages. @throws {Error} of which isIndexDamage() is true, where they don't fit together */
export function checkWhole(client: Database): void {
  const result = client.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get();
  if (result?.quick_check !== "ok") throw new DamagedIndexError(result?.quick_check ?? "no answer to quick_check");
}

interface OpenFile {
  readonly client: Database;
  readonly db: IndexDatabase;
}

interface DatabaseKind {
  /** Folder of its migrations. */
  readonly folder: string;
  /** Table that lists the migrations that were applied. */
  readonly table: string;
  /** Query that the start makes in place of a check of all pages: that takes 100 ms for a repository of ::gentoo's size. */
  readonly probe: string;
  /** Size up to which all pages are checked all the same. */
  readonly checkedBytes: number;
  /** Whether a migration may have asked for a VACUUM. */
  readonly vacuums: boolean;
}

/** All pages of an index of some 20,000 files are checked at the start, which takes 50 ms; a larger one is checked beside the requests. */
const CHECKED_BYTES = 16 * 1024 * 1024;

function migrateTo(db: IndexDatabase, { folder, table }: DatabaseKind): void {
  migrate(db, { migrationsFolder: folder, migrationsTable: table });
}

/** A migration that takes out a secret leaves its bytes in free pages and in the log, and asks for this. */
function vacuumIfDue(client: Database): void {
  if (client.query("SELECT value FROM settings WHERE key = 'vacuum'").get() === null) return;
  try {
    client.exec("VACUUM");
    client.exec("DELETE FROM settings WHERE key = 'vacuum'");
    client.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    // It takes as much space as the index has: the next start tries again.
    if (refusalIn(error) === undefined) throw error;
  }
}

/** SQLite gives the files beside a database the mode of the database, but leaves those that are there as they are. */
function keepFromOthers(path: string): void {
  if (path === MEMORY) return;
  try {
    makeOwnerOnly(path);
  } catch {
    // Opening it says why.
  }
  for (const suffix of ["-wal", "-shm", "-journal", ".damaged"]) takeFromOthers(path + suffix);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function openFile(path: string, kind: DatabaseKind): OpenFile {
  keepFromOthers(path);
  const client = new Database(path, { readwrite: true });
  try {
    client.exec("PRAGMA journal_mode = WAL");
    client.exec("PRAGMA synchronous = NORMAL");
    client.exec("PRAGMA foreign_keys = ON");
    client.exec("PRAGMA busy_timeout = 2000");
    // In KiB; of a small index it takes less. With SQLite's own 2 MiB a look-up among 100,000 files costs half as much again (measured).
    client.exec("PRAGMA cache_size = -16384");
    // Checkpoints block the event loop by their fsync, so a thread makes them (isLogLong); this is for who has none.
    client.exec("PRAGMA wal_autocheckpoint = 40000");
    client.exec(`PRAGMA journal_size_limit = ${LONG_LOG_BYTES}`);
    if (sizeOf(path) <= kind.checkedBytes) checkWhole(client);
    const db = drizzle(client, { schema });
    migrateTo(db, kind);
    if (kind.vacuums) vacuumIfDue(client);
    client.query(kind.probe).get();
    return { client, db };
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Moves a damaged file, if it is there, out of the way; a process that has it open keeps it. */
export function setAside(path: string): void {
  if (!existsSync(path)) return;
  rmSync(`${path}.damaged`, { recursive: true, force: true });
  renameSync(path, `${path}.damaged`);
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

/** Opens the file, or a new one in its place where it is damaged; the damage goes into `damages`. */
function openOrReplace(path: string, kind: DatabaseKind, damages: Damage[]): OpenFile {
  try {
    return openFile(path, kind);
  } catch (error) {
    const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (!isIndexDamage(error) && !folder) throw error;
    damages.push({ file: basename(path), damage: reasonOf(error) });
    setAside(path);
    return openFile(path, kind);
  }
}

/** Path of trees.sqlite, by that of the index. */
export function manifestsPathBeside(path: string): string {
  return `${dirname(path)}/trees.sqlite`;
}

/** Adds the tables of Manifests to the index: those of trees.sqlite, or for an index in memory tables of its own. */
function addManifestTables({ client, db }: OpenFile, path: string, kind: DatabaseKind, damages: Damage[]): void {
  if (path === MEMORY) {
    migrateTo(db, kind);
    return;
  }
  const manifests = openOrReplace(manifestsPathBeside(path), kind, damages);
  try {
    client.run("ATTACH DATABASE ? AS trees", [manifestsPathBeside(path)]);
    client.exec("PRAGMA trees.synchronous = NORMAL");
    client.exec(`PRAGMA trees.journal_size_limit = ${LONG_LOG_BYTES}`);
    // Only now it is open twice, and what closes first need not write back the log.
    client.query("SELECT count(*) FROM trees.sqlite_schema").get();
  } finally {
    manifests.client.close();
  }
}

/**
 * @param migrationsFolder the drizzle/ folder, on disk or inside the executable
 * @param checkAll checks all pages, however many there are
 * @throws {SQLiteError} when the files can be neither opened nor replaced (permissions, full disk)
 */
export function openIndex(path: string, migrationsFolder: string, checkAll = false): Index {
  const damages: Damage[] = [];
  const kind = {
    folder: migrationsFolder,
    table: "__drizzle_migrations",
    probe: "SELECT count(*) FROM settings",
    checkedBytes: checkAll ? Number.POSITIVE_INFINITY : CHECKED_BYTES,
    vacuums: true,
  };
  const index = openOrReplace(path, kind, damages);
  const { client, db } = index;
  try {
    // Whether it is whole the first scan finds out, in its thread.
    const probe = "SELECT max(repository_id) FROM manifests";
    const folder = `${migrationsFolder}/trees`;
    const manifestsKind = { folder, table: "__trees_migrations", probe, checkedBytes: -1, vacuums: false };
    addManifestTables(index, path, manifestsKind, damages);
  } catch (error) {
    client.close();
    throw error;
  }
  return {
    path,
    db,
    damages,
    unchecked: !checkAll && sizeOf(path) > CHECKED_BYTES,
    ...(path === MEMORY ? {} : { manifestsPath: manifestsPathBeside(path) }),
    close() {
      try {
        client.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      } finally {
        client.close();
      }
    },
  };
}

/** Opens the index, or one in memory where the disk is full or broken: clients get their files all the same. */
export function openIndexOrNone(path: string, migrationsFolder: string, checkAll = false): Index {
  try {
    return openIndex(path, migrationsFolder, checkAll);
  } catch (error) {
    const refused = refusalIn(error);
    if (refused === undefined) throw error;
    return { ...openIndex(MEMORY, migrationsFolder), refused };
  }
}

/** SQLite's general error, among others of a table that is not there. */
const SQLITE_ERROR = 1;

function isOlder(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof SQLiteError && cause.errno === SQLITE_ERROR && /no such (table|column)/.test(cause.message);
}

function openPlain(path: string): Database {
  const client = new Database(path, { readonly: true });
  try {
    client.exec("PRAGMA busy_timeout = 2000");
    const manifestsPath = manifestsPathBeside(path);
    if (exists(manifestsPath)) client.run("ATTACH DATABASE ? AS trees", [manifestsPath]);
    // Only now the files beside it are opened.
    client.query("SELECT count(*) FROM sqlite_master").get();
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/**
 * Readers of a write-ahead log make a file beside it, which takes a folder that they may write; where nobody has the index
 * open (then there is no log) it can be read without (sqlite.org/uri.html, immutable).
 */
function openFor(path: string): Database {
  try {
    return openPlain(path);
  } catch (error) {
    if (exists(`${path}-wal`)) throw error;
    const uri = (file: string) => `${pathToFileURL(file)}?immutable=1`;
    const client = new Database(uri(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
    const manifestsPath = manifestsPathBeside(path);
    if (exists(manifestsPath)) client.run("ATTACH DATABASE ? AS trees", [uri(manifestsPath)]);
    return client;
  }
}

/**
 * Reads an index that another process may be writing, without changing it. Returns what `read` makes of it, undefined where
 * there is no index, or one of an older version.
 * @throws {Error} when it can't be looked at or read
 */
export function readIndex<T>(path: string, read: (db: IndexDatabase) => T): T | undefined {
  if (!exists(path)) return undefined;
  // SQLite would say no more than that it cannot open it.
  accessSync(path, fileConstants.R_OK);
  const client = openFor(path);
  try {
    return read(drizzle(client, { schema }));
  } catch (error) {
    if (isOlder(error)) return undefined;
    throw error;
  } finally {
    client.close();
  }
}
