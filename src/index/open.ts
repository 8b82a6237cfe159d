/**
 * Opens the index, or makes a new one where it is missing or damaged: everything in it can be found again on disk.
 * A damaged file is set aside as `index.sqlite.damaged`, never deleted, and never believed.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { renameSync, rmSync, statSync } from "node:fs";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";
import * as schema from "./schema.ts";

export type IndexDatabase = BunSQLiteDatabase<typeof schema>;

export interface Index {
  readonly path: string;
  readonly db: IndexDatabase;
  /** Why it is in memory alone and ends with the process, where that is so. */
  readonly refused?: string;
  /** Why the file that was there is not used, where that is so. */
  readonly damage?: string;
  /** Writes back the log and closes; the files are then whole without their -wal. */
  close(): void;
}

const LONG_LOG_BYTES = 16 * 1024 * 1024;

/** Whether the log of the index at that path is due to be written back. */
export function isLogLong(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > LONG_LOG_BYTES;
}

/** Result codes of SQLite (sqlite.org/rescode.html) that say the file itself is not to be trusted. */
const DAMAGE = new Set([11, 24, 26]);

/** Whether an error of a query says that the file is damaged; Drizzle wraps SQLite's own. */
export function isIndexDamage(error: unknown): error is Error {
  if (error instanceof DamagedIndexError) return true;
  if (error instanceof SQLiteError) return DAMAGE.has(error.errno & 0xff);
  return error instanceof Error && error.cause !== undefined && isIndexDamage(error.cause);
}

/** Those that say that the disk takes nothing: SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN. */
const REFUSED = new Set([10, 13, 14]);

/** What the disk said, where an error says that it takes nothing; Drizzle wraps SQLite's own. */
function refusalIn(error: unknown): string | undefined {
  if (error instanceof SQLiteError) return REFUSED.has(error.errno & 0xff) ? error.message : undefined;
  return error instanceof Error && error.cause !== undefined ? refusalIn(error.cause) : undefined;
}

class DamagedIndexError extends Error {}

function openDatabase(path: string, migrationsFolder: string): { client: Database; db: IndexDatabase } {
  const client = new Database(path, { create: true });
  try {
    client.exec("PRAGMA journal_mode = WAL");
    client.exec("PRAGMA synchronous = NORMAL");
    client.exec("PRAGMA foreign_keys = ON");
    client.exec("PRAGMA busy_timeout = 2000");
    // Checkpoints block the event loop by their fsync, so a thread makes them (isLogLong); this is for who has none.
    client.exec("PRAGMA wal_autocheckpoint = 40000");
    client.exec(`PRAGMA journal_size_limit = ${LONG_LOG_BYTES}`);
    const verdict = client.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get();
    if (verdict?.quick_check !== "ok") throw new DamagedIndexError(verdict?.quick_check ?? "no answer to quick_check");
    const db = drizzle(client, { schema });
    migrate(db, { migrationsFolder });
    return { client, db };
  } catch (error) {
    client.close();
    throw error;
  }
}

/**
 * @param migrationsFolder the drizzle/ folder, on disk or inside the executable
 * @throws {SQLiteError} when the file can be neither opened nor replaced (permissions, full disk)
 */
export function openIndex(path: string, migrationsFolder: string): Index {
  let damage: string | undefined;
  let opened: ReturnType<typeof openDatabase>;
  try {
    opened = openDatabase(path, migrationsFolder);
  } catch (error) {
    const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (!isIndexDamage(error) && !folder) throw error;
    damage = error instanceof Error ? error.message : String(error);
    rmSync(`${path}.damaged`, { recursive: true, force: true });
    renameSync(path, `${path}.damaged`);
    for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
    opened = openDatabase(path, migrationsFolder);
  }
  const { client, db } = opened;
  return {
    path,
    db,
    ...(damage === undefined ? {} : { damage }),
    close() {
      try {
        client.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      } finally {
        client.close();
      }
    },
  };
}

/** Where the disk is full or broken an index in memory has to do: clients get their files all the same. */
export function openIndexOrNone(path: string, migrationsFolder: string): Index {
  try {
    return openIndex(path, migrationsFolder);
  } catch (error) {
    const refused = refusalIn(error);
    if (refused === undefined) throw error;
    return { ...openIndex(":memory:", migrationsFolder), refused };
  }
}
