/**
 * Tells errors of SQLite that say the file itself is not to be trusted: SQLITE_CORRUPT, SQLITE_FORMAT, SQLITE_NOTADB
 * (sqlite.org/rescode.html).
 */
import { SQLiteError } from "bun:sqlite";

const DAMAGE = new Set([11, 24, 26]);

export function saysDamage(error: unknown): boolean {
  return error instanceof SQLiteError && DAMAGE.has(error.errno & 0xff);
}
