/**
 * Opens trees.sqlite for the scan, which writes it in a thread (manifests-schema.ts), in few large transactions, each of which readers
 * see whole or not at all. For empty tables, the indexes that only look-ups need are made after the rows: sorting them once costs a
 * third of putting each row into its place (measured).
 */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { createManifestRows, type PrunableManifestRows } from "./manifests.ts";
import { checkWhole } from "./open.ts";
import * as schema from "./schema.ts";

export interface ManifestWriter {
  /** Checks all pages. @throws {Error} of which isIndexDamage() is true */
  check(): void;
  readonly rows: PrunableManifestRows;
  /** Whether what is wanted may have changed since the last commit. */
  readonly changed: boolean;
  begin(): void;
  commit(): void;
  /** Writes back the log and closes; what was not committed is lost. */
  close(): void;
}

/** In KiB: what a large transaction changes is written to the log once. */
const CACHE_KIB = 16 * 1024;

interface IndexText {
  readonly name: string;
  readonly sql: string;
}

/**
 * @param path made by openIndex() before
 * @throws {SQLiteError} when it can't be opened
 */
export function openManifestWriter(path: string): ManifestWriter {
  const client = new Database(path, { readwrite: true });
  client.exec("PRAGMA synchronous = NORMAL");
  client.exec("PRAGMA foreign_keys = ON");
  client.exec("PRAGMA busy_timeout = 2000");
  client.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  client.exec("PRAGMA temp_store = MEMORY");
  // Once at the end instead.
  client.exec("PRAGMA wal_autocheckpoint = 0");
  let changed = false;
  let dropped: readonly IndexText[] = [];
  const rows = createManifestRows(drizzle(client, { schema }), () => {
    changed = true;
  });
  const first = client.query("SELECT 1 FROM manifests LIMIT 1");
  const isEmpty = () => first.values().length === 0;
  const changes = client.query("SELECT total_changes()");
  const indexes = client.query<IndexText, []>(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'dist_entries' AND sql IS NOT NULL",
  );
  return {
    rows,
    check: () => checkWhole(client),
    get changed() {
      return changed;
    },
    begin() {
      client.exec("BEGIN IMMEDIATE");
      if (!isEmpty()) return;
      dropped = indexes.all();
      for (const { name } of dropped) client.exec(`DROP INDEX ${name}`);
    },
    commit() {
      if (dropped.length > 0 && isEmpty()) {
        client.exec("ROLLBACK");
      } else {
        for (const { sql } of dropped) client.exec(sql);
        client.exec("COMMIT");
      }
      dropped = [];
      changed = false;
    },
    close() {
      try {
        if (client.inTransaction) client.exec("ROLLBACK");
        if (changes.values()[0]?.[0] !== 0) client.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      } finally {
        // With its statements; else the connection, its descriptor and its cache stay until they are collected.
        client.close(true);
      }
    },
  };
}
