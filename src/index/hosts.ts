/**
 * Keeps the statistics of hosts, as mirrors/hosts.ts has them, over restarts.
 */
import { inArray } from "drizzle-orm";
import type { HostRecord, HostRows } from "../distfile/mirror-records.ts";
import { type IndexDatabase, readIndex } from "./open.ts";
import { hosts } from "./schema.ts";

type HostRow = typeof hosts.$inferSelect;
function fromRow({ host, lastRequestAt, activeRequests, waitUntil, ...row }: HostRow): HostRecord {
  const { firstByteMs, bytesPerSecond, openUntil } = row;
  const stats = {
    ...row,
    firstByteMs: firstByteMs ?? undefined,
    bytesPerSecond: bytesPerSecond ?? undefined,
    openUntil: openUntil ?? undefined,
  };
  return { host, stats, lastRequestAt, activeRequests, waitUntil };
}

/**
 * Reads all records from an index that another process may be writing; none where there is no index, or one from before.
 * @throws {SQLiteError} when it can't be read
 */
export function readHosts(path: string): readonly HostRecord[] {
  return readIndex(path, (db) => createHostRows(db).all()) ?? [];
}

export function createHostRows(db: IndexDatabase): HostRows {
  return {
    all: () => db.select().from(hosts).all().map(fromRow),
    putAll(records) {
      if (records.length === 0) return;
      db.transaction(() => {
        for (const { stats, ...record } of records) {
          const { firstByteMs = null, bytesPerSecond = null, openUntil = null } = stats;
          const row = { ...stats, ...record, firstByteMs, bytesPerSecond, openUntil };
          db.insert(hosts).values(row).onConflictDoUpdate({ target: hosts.host, set: row }).run();
        }
      });
    },
    forget(keys) {
      db.delete(hosts)
        .where(inArray(hosts.host, [...keys]))
        .run();
    },
  };
}
