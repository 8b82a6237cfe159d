/**
 * Counts requests, hits and bytes by client address. Counted in memory and written in batches; only the addresses seen last are
 * kept, as those of IPv6 come and go without end.
 */
import { desc, eq, sql } from "drizzle-orm";
import type { IndexDatabase } from "./open.ts";
import { clients } from "./schema.ts";

export type ClientRow = typeof clients.$inferSelect;

export interface ClientCounts {
  count(address: string, hit: boolean, bytes: number, now: number): void;
  /** Returns the clients with most bytes first, counts that are not written yet included. */
  top(limit: number): readonly ClientRow[];
  /** Returns the counts of one client, those that are not written yet included. */
  get(address: string): ClientRow | undefined;
  flush(): void;
  /** Forgets all clients, also on disk. */
  clear(): void;
}

const MAX_CLIENTS = 1000;

type Counts = { -readonly [K in keyof ClientRow]: ClientRow[K] };

function merge(into: Counts, more: ClientRow): void {
  into.requests += more.requests;
  into.hits += more.hits;
  into.bytes += more.bytes;
  into.savedBytes += more.savedBytes;
  into.firstSeen = Math.min(into.firstSeen, more.firstSeen);
  into.lastSeen = Math.max(into.lastSeen, more.lastSeen);
}

export function createClientCounts(db: IndexDatabase): ClientCounts {
  let pending = new Map<string, Counts>();
  /** Whether the table is known to be empty. */
  let empty = false;

  function write(batch: Iterable<ClientRow>): void {
    db.transaction(() => {
      for (const row of batch) {
        db.insert(clients)
          .values(row)
          .onConflictDoUpdate({
            target: clients.address,
            set: {
              requests: sql`${clients.requests} + ${row.requests}`,
              hits: sql`${clients.hits} + ${row.hits}`,
              bytes: sql`${clients.bytes} + ${row.bytes}`,
              savedBytes: sql`${clients.savedBytes} + ${row.savedBytes}`,
              lastSeen: sql`max(${clients.lastSeen}, ${row.lastSeen})`,
            },
          })
          .run();
      }
      const kept = db
        .select({ address: clients.address })
        .from(clients)
        .orderBy(desc(clients.lastSeen))
        .limit(MAX_CLIENTS);
      db.delete(clients).where(sql`${clients.address} not in ${kept}`).run();
    });
  }

  return {
    count(address, hit, bytes, now) {
      const known = pending.get(address);
      if (known) {
        known.requests++;
        known.hits += hit ? 1 : 0;
        known.bytes += bytes;
        known.savedBytes += hit ? bytes : 0;
        known.lastSeen = now;
        return;
      }
      // A flood of addresses is cut off until the next flush.
      if (pending.size >= MAX_CLIENTS) return;
      const [hits, savedBytes] = hit ? [1, bytes] : [0, 0];
      pending.set(address, { address, requests: 1, hits, bytes, savedBytes, firstSeen: now, lastSeen: now });
    },
    get(address) {
      const row = db.select().from(clients).where(eq(clients.address, address)).get();
      const since = pending.get(address);
      if (!row || !since) return row ?? since;
      const both = { ...row };
      merge(both, since);
      return both;
    },
    top(limit) {
      const all = new Map<string, Counts>();
      for (const row of db.select().from(clients).all()) all.set(row.address, row);
      for (const [address, counts] of pending) {
        const known = all.get(address);
        if (known) merge(known, counts);
        else all.set(address, { ...counts });
      }
      return [...all.values()].toSorted((a, b) => b.bytes - a.bytes || b.requests - a.requests).slice(0, limit);
    },
    flush() {
      if (pending.size === 0) return;
      const batch = pending;
      empty = false;
      pending = new Map();
      try {
        write(batch.values());
      } catch (error) {
        // They count next time, with what has come meanwhile.
        for (const [address, counts] of batch) {
          const since = pending.get(address);
          if (since) merge(since, counts);
          else pending.set(address, counts);
        }
        throw error;
      }
    },
    clear() {
      pending.clear();
      if (empty) return;
      db.delete(clients).run();
      empty = true;
    },
  };
}
