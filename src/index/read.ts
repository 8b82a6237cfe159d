/**
 * Reads an index that another process may be writing, without changing it.
 */
import { constants, Database, SQLiteError } from "bun:sqlite";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { type IndexDatabase, treesPathBeside } from "./open.ts";
import * as schema from "./schema.ts";

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
    const trees = treesPathBeside(path);
    if (existsSync(trees)) client.run("ATTACH DATABASE ? AS trees", [trees]);
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
    if (existsSync(`${path}-wal`)) throw error;
    const uri = (file: string) => `${pathToFileURL(file)}?immutable=1`;
    const client = new Database(uri(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
    const trees = treesPathBeside(path);
    if (existsSync(trees)) client.run("ATTACH DATABASE ? AS trees", [uri(trees)]);
    return client;
  }
}

/**
 * What `read` makes of it; undefined where there is no index, or one of an older version.
 * @throws {SQLiteError} when it can't be read
 */
export function readIndex<T>(path: string, read: (db: IndexDatabase) => T): T | undefined {
  if (!existsSync(path)) return undefined;
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
