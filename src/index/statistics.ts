/**
 * Counts outcomes of requests and their bytes in buckets of a minute, an hour and a day (UTC) that outlive restarts.
 * Counted in memory, as a hit must not wait for the disk, and written in batches. Old buckets are forgotten,
 * so the table never has more than some four thousand rows.
 */

import { and, eq, gte, lt, or, sql } from "drizzle-orm";
import { type HistoryResolution, RESOLUTIONS } from "../distfile/reporting.ts";
import type { Clock } from "../lib/clock.ts";
import { keysOf } from "../lib/records.ts";
import type { IndexDatabase } from "./open.ts";
import { statistics } from "./schema.ts";

/** The counters: requests and bytes sent by outcome, bytes fetched by kind of source. */
export const ZEROS = {
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
  mirrorBytes: 0,
  uriBytes: 0,
};

const MEASURES = keysOf(ZEROS);

export type Measure = keyof typeof ZEROS;
export type Measures = Readonly<Record<Measure, number>>;

export interface Bucket extends Measures {
  /** When it begins, in milliseconds since the epoch. */
  readonly at: number;
}

export interface Statistics {
  /** @param now for those who have just asked the clock */
  add(measure: Measure, amount: number, now?: number): void;
  readonly sinceStart: Measures;
  allTime(): Measures;
  /** Oldest first, without gaps, the last one that of now. */
  history(resolution: HistoryResolution, points: number): readonly Bucket[];
  flush(): void;
}

const MINUTE_MS = 60_000;
const WIDTHS_MS: Readonly<Record<HistoryResolution, number>> = {
  minute: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: 24 * 60 * MINUTE_MS,
};
/** How many of each are kept: a day, a month, five years. */
const KEPT: Readonly<Record<HistoryResolution, number>> = { minute: 24 * 60, hour: 31 * 24, day: 5 * 366 };
const PRUNE_EVERY_MS = 60 * MINUTE_MS;

type Counts = Record<Measure, number>;

function addAll(counts: Counts, more: Measures): void {
  for (const measure of MEASURES) counts[measure] += more[measure];
}

function beginOf(at: number, resolution: HistoryResolution): number {
  return at - (at % WIDTHS_MS[resolution]);
}

function prepare(db: IndexDatabase) {
  const { placeholder } = sql;
  const columns = MEASURES.map((measure) => [measure, statistics[measure]] as const);
  const values = Object.fromEntries(columns.map(([measure]) => [measure, placeholder(measure)]));
  const sums = columns.map(([measure, column]) => [measure, sql`${column} + excluded.${sql.identifier(column.name)}`]);
  return {
    add: db
      .insert(statistics)
      .values({ resolution: placeholder("resolution"), at: placeholder("at"), ...(values as Record<Measure, never>) })
      .onConflictDoUpdate({ target: [statistics.resolution, statistics.at], set: Object.fromEntries(sums) })
      .prepare(),
    since: db
      .select()
      .from(statistics)
      .where(and(eq(statistics.resolution, placeholder("resolution")), gte(statistics.at, placeholder("since"))))
      .prepare(),
  };
}

/** @param wasClockSet returns whether the clock was set lately, so that no bucket's age can be trusted */
export function createStatistics(db: IndexDatabase, clock: Clock, wasClockSet: () => boolean): Statistics {
  const prepared = prepare(db);
  const sinceStart = { ...ZEROS };
  /** Not written yet, by the minute that they belong to. */
  let pending = new Map<number, Counts>();
  let [current, currentAt] = [{ ...ZEROS }, Number.NEGATIVE_INFINITY];
  let prunedAt = Number.NEGATIVE_INFINITY;

  function forgetOld(now: number): void {
    if ((now - prunedAt < PRUNE_EVERY_MS && now >= prunedAt) || wasClockSet()) return;
    prunedAt = now;
    for (const resolution of RESOLUTIONS) {
      const widthMs = WIDTHS_MS[resolution];
      // What a clock that was wrong has put into the future would stay for ever.
      const old = or(lt(statistics.at, now - KEPT[resolution] * widthMs), gte(statistics.at, now + 2 * WIDTHS_MS.day));
      db.delete(statistics)
        .where(and(eq(statistics.resolution, resolution), old))
        .run();
    }
  }

  return {
    add(measure, amount, now = clock.now()) {
      // One division less for each request; a clock set back counts too.
      if (now - currentAt >= MINUTE_MS || now < currentAt) {
        currentAt = beginOf(now, "minute");
        current = pending.get(currentAt) ?? { ...ZEROS };
        pending.set(currentAt, current);
      }
      current[measure] += amount;
      sinceStart[measure] += amount;
    },
    sinceStart,
    allTime() {
      const counts = { ...ZEROS };
      const [row] = prepared.since.all({ resolution: "total", since: 0 });
      if (row) addAll(counts, row);
      for (const unwritten of pending.values()) addAll(counts, unwritten);
      return counts;
    },
    history(resolution, points) {
      const widthMs = WIDTHS_MS[resolution];
      const last = beginOf(clock.now(), resolution);
      const first = last - (points - 1) * widthMs;
      const buckets = new Map<number, Counts>();
      for (let at = first; at <= last; at += widthMs) buckets.set(at, { ...ZEROS });
      const add = (at: number, counts: Measures) => {
        const bucket = buckets.get(beginOf(at, resolution));
        if (bucket) addAll(bucket, counts);
      };
      for (const row of prepared.since.all({ resolution, since: first })) add(row.at, row);
      for (const [at, counts] of pending) add(at, counts);
      return [...buckets].map(([at, counts]) => ({ at, ...counts }));
    },
    flush() {
      const now = clock.now();
      if (pending.size === 0) return;
      const batch = pending;
      pending = new Map();
      currentAt = Number.NEGATIVE_INFINITY;
      try {
        db.transaction(() => {
          for (const [minute, counts] of batch) {
            for (const resolution of RESOLUTIONS) {
              prepared.add.run({ resolution, at: beginOf(minute, resolution), ...counts });
            }
            prepared.add.run({ resolution: "total", at: 0, ...counts });
          }
          forgetOld(now);
        });
      } catch (error) {
        // They count next time, with what has come meanwhile.
        for (const [minute, counts] of batch) {
          const since = pending.get(minute);
          if (since) addAll(since, counts);
          else pending.set(minute, counts);
        }
        throw error;
      }
    },
  };
}
