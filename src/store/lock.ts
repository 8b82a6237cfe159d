/**
 * Locks the store for one server. SQLite's file lock is used because the kernel drops it with the process, however that ends, and
 * because it works the same on every libc; the row inside says who holds it.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { readFileSync, statSync } from "node:fs";

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && (error.errno & 0xff) === SQLITE_BUSY;
}

export interface StoreLock {
  /** Whether the locked file still is the one that another process would find. */
  readonly holds: boolean;
  release(): void;
}

export class StoreLockedError extends Error {
  /** Description of the process that holds it, such as "portcache serve (process 4711)". */
  readonly holder: string;

  constructor(location: string, holder: string) {
    super(`Cannot use the store ${location}: ${holder} holds it`);
    this.name = "StoreLockedError";
    this.holder = holder;
  }
}

/** Identifies a file by device and inode; undefined where there is none. */
function fileAt(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.dev}:${stat.ino}`;
}

/** Whether a process holds the lock, by proc_locks(5): asking SQLite would take it for a moment. */
export function isStoreLocked(location: string): boolean {
  const inode = statSync(`${location}/portcache.lock`, { throwIfNoEntry: false })?.ino;
  if (inode === undefined) return false;
  const locks = readFileSync("/proc/locks", "utf8");
  return locks.split("\n").some((line) => line.includes(" WRITE ") && line.includes(`:${inode} `));
}

const NOBODY_KNOWN = "another process";

function readHolder(database: Database): string {
  try {
    const row = database.query<{ name: string }, []>("SELECT name FROM holder").get();
    return row?.name ?? NOBODY_KNOWN;
  } catch {
    // It is being written at this moment.
    return NOBODY_KNOWN;
  }
}

/** Returns who holds the lock, such as "portcache serve (process 4711)"; undefined where nobody does. */
export function storeHolder(location: string): string | undefined {
  try {
    if (!isStoreLocked(location)) return undefined;
  } catch {
    // There is no store that this user could see.
    return undefined;
  }
  try {
    using database = new Database(`${location}/portcache.lock`, { readonly: true });
    return readHolder(database);
  } catch {
    // The folder is another user's.
    return NOBODY_KNOWN;
  }
}

/** Notes who holds the lock. Where the disk is full others do not learn it, and that is all. */
function note(database: Database, holder: string): void {
  try {
    database.exec("CREATE TABLE IF NOT EXISTS holder (name TEXT NOT NULL)");
    database.exec("DELETE FROM holder");
    database.query("INSERT INTO holder VALUES (?)").run(holder);
    database.exec("COMMIT");
  } catch (error) {
    if (isBusy(error)) throw error;
    if (database.inTransaction) database.exec("ROLLBACK");
  }
}

/**
 * @param holder what a second server reports, such as "portcache serve, process 4711"
 * @throws {StoreLockedError} when another process holds it
 */
export function lockStore(location: string, holder: string): StoreLock {
  const path = `${location}/portcache.lock`;
  const database = new Database(path, { create: true });
  try {
    database.exec("PRAGMA journal_mode = DELETE");
    database.exec("BEGIN IMMEDIATE");
    // A process that is refused reads who holds it, which must not be in the holder's way.
    database.exec("PRAGMA busy_timeout = 1000");
    note(database, holder);
    // An open write transaction is the lock; other processes can still read who holds it.
    if (!database.inTransaction) database.exec("BEGIN IMMEDIATE");
  } catch (error) {
    if (!isBusy(error)) {
      database.close();
      throw error;
    }
    const held = readHolder(database);
    database.close();
    throw new StoreLockedError(location, held);
  }
  const own = fileAt(path);
  return {
    get holds() {
      return fileAt(path) === own;
    },
    release() {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}
