/**
 * Counts outcomes of requests and the bytes sent for each kind of file, of all time. Counted in memory, as a hit must not wait for the
 * disk, and written in batches.
 */
import { sql } from "drizzle-orm";
import type { FileKind } from "../distfile/file-kind.ts";
import { entriesOf, keysOf } from "../lib/records.ts";
import type { IndexDatabase } from "./open.ts";
import { kindCounts } from "./schema.ts";

const ZEROS = {
  hits: 0,
  misses: 0,
  joined: 0,
  absent: 0,
  failed: 0,
  refused: 0,
  other: 0,
  hitBytes: 0,
  missBytes: 0,
  joinedBytes: 0,
};

const MEASURES = keysOf(ZEROS);

export type KindMeasure = keyof typeof ZEROS;
export type KindMeasures = Readonly<Record<KindMeasure, number>>;

export interface KindCounts {
  add(kind: FileKind, measure: KindMeasure, amount: number): void;
  readonly sinceStart: Readonly<Record<FileKind, KindMeasures>>;
  allTime(): Readonly<Record<FileKind, KindMeasures>>;
  flush(): void;
}

type Counts = Record<FileKind, Record<KindMeasure, number>>;

function zeros(): Counts {
  return { distfiles: { ...ZEROS }, "binary-packages": { ...ZEROS }, snapshots: { ...ZEROS }, others: { ...ZEROS } };
}

function addAll(into: Record<KindMeasure, number>, more: KindMeasures): void {
  for (const measure of MEASURES) into[measure] += more[measure];
}

export function createKindCounts(db: IndexDatabase): KindCounts {
  const sinceStart = zeros();
  let pending = zeros();
  let isPending = false;

  function write(batch: Counts): void {
    db.transaction(() => {
      for (const [kind, counts] of entriesOf(batch)) {
        const set = Object.fromEntries(
          MEASURES.map((measure) => [measure, sql`${kindCounts[measure]} + ${counts[measure]}`]),
        );
        db.insert(kindCounts)
          .values({ kind, ...counts })
          .onConflictDoUpdate({ target: kindCounts.kind, set })
          .run();
      }
    });
  }

  return {
    add(kind, measure, amount) {
      isPending = true;
      pending[kind][measure] += amount;
      sinceStart[kind][measure] += amount;
    },
    sinceStart,
    allTime() {
      const counts = zeros();
      for (const { kind, ...row } of db.select().from(kindCounts).all()) addAll(counts[kind], row);
      for (const [kind, unwritten] of entriesOf(pending)) addAll(counts[kind], unwritten);
      return counts;
    },
    flush() {
      if (!isPending) return;
      const batch = pending;
      pending = zeros();
      isPending = false;
      try {
        write(batch);
      } catch (error) {
        // They count next time, with what has come meanwhile.
        for (const [kind, counts] of entriesOf(batch)) addAll(pending[kind], counts);
        isPending = true;
        throw error;
      }
    },
  };
}
