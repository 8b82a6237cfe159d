/**
 * Locks the store for one server. SQLite's file lock is used because the kernel drops it with the process, however that ends, and
 * because it works the same on every libc; the row inside says who holds it. Nobody but the owner may open the file: a process that may
 * read it could lock it.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { reasonOf } from "../lib/error-reason.ts";
import { makeOwnerOnly } from "../lib/owner-only.ts";

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

/**
 * The line of proc_locks(5) that says who holds the lock; undefined where nobody does. Asking SQLite would take it for a moment.
 * @throws {Error} when the folder cannot be looked at
 */
function lockLine(location: string): string | undefined {
  const inode = statSync(`${location}/portcache.lock`, { throwIfNoEntry: false })?.ino;
  if (inode === undefined) return undefined;
  const locks = readFileSync("/proc/locks", "utf8");
  return locks.split("\n").find((line) => line.includes(" WRITE ") && line.includes(`:${inode} `));
}

/** Returns whether a process holds the lock. @throws {Error} when the folder cannot be looked at */
export function isStoreLocked(location: string): boolean {
  return lockLine(location) !== undefined;
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
  let line: string | undefined;
  try {
    line = lockLine(location);
  } catch {
    // A folder that this user cannot look into: a process that wants to use the store fails with the reason.
    return undefined;
  }
  if (line === undefined) return undefined;
  try {
    using database = new Database(`${location}/portcache.lock`, { readonly: true });
    return readHolder(database);
  } catch {
    // The file is another user's. A process of another PID namespace has no number here.
    const pid = / WRITE +([1-9]\d*) /.exec(line)?.[1];
    return pid === undefined ? NOBODY_KNOWN : `process ${pid}`;
  }
}

/** Notes who holds the lock. Where the disk is full others do not learn it, which does no harm. */
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

/** @throws {Error} naming the file */
function openLock(path: string): Database {
  try {
    makeOwnerOnly(path);
    // It says why, which SQLite does not. Opening the file would: but closing it drops the locks of this process.
    accessSync(path, constants.R_OK | constants.W_OK);
    return new Database(path, { readwrite: true });
  } catch (error) {
    throw new Error(`Cannot use ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * @param holder what a second server reports, such as "portcache serve, process 4711"
 * @throws {StoreLockedError} when another process holds it
 */
export function lockStore(location: string, holder: string): StoreLock {
  const path = `${location}/portcache.lock`;
  const database = openLock(path);
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
