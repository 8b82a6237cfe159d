/**
 * Reads an index that another process may be writing, without changing it.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { existsSync } from "node:fs";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { IndexDatabase } from "./open.ts";
import * as schema from "./schema.ts";

/** SQLite's general error, among others of a table that is not there. */
const SQLITE_ERROR = 1;

function isOlder(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof SQLiteError && cause.errno === SQLITE_ERROR && /no such (table|column)/.test(cause.message);
}

/**
 * What `read` makes of it; undefined where there is no index, or one of an older version.
 * @throws {SQLiteError} when it can't be read
 */
export function readIndex<T>(path: string, read: (db: IndexDatabase) => T): T | undefined {
  if (!existsSync(path)) return undefined;
  const client = new Database(path, { readonly: true });
  try {
    client.exec("PRAGMA busy_timeout = 2000");
    return read(drizzle(client, { schema }));
  } catch (error) {
    if (isOlder(error)) return undefined;
    throw error;
  } finally {
    client.close();
  }
}
