/**
 * Decides when other sources join the first one of a file, and whether they stay: the first shows its speed alone, and all
 * together have to be faster than that. They are not where our own line is the limit, which only trying can tell; the result
 * holds for a while for all downloads.
 */
import type { Clock } from "../lib/clock.ts";
import type { ThroughputMeter } from "./throughput.ts";

/** What is known of the capacity of our own line. */
export interface LineCapacity {
  /** Returns whether another source may help one that sends at this speed. */
  mayHelp(bytesPerSecond: number): boolean;
  /** Records the speed of one source alone and of all together. @returns whether the others were worth it */
  record(alone: number, together: number): boolean;
}

/** How much faster than one several sources have to be. */
const WORTHWHILE_FACTOR = 1.15;
/** A speed this near to one at which others did not help is as fast as it gets. */
const NEAR_CAPACITY = 0.7;
const REMEMBERED_MS = 10 * 60_000;

/** @param limit returns what all downloads together may receive in a second; what was seen under another one does not count */
export function createLineCapacity(clock: Clock, limit: () => number | undefined): LineCapacity {
  let capacity = Number.POSITIVE_INFINITY;
  let seenAt = 0;
  let seenUnder: number | undefined;
  const isKnown = () => Math.abs(clock.now() - seenAt) <= REMEMBERED_MS && seenUnder === limit();
  return {
    mayHelp: (bytesPerSecond) => bytesPerSecond < NEAR_CAPACITY * capacity || !isKnown(),
    record(alone, together) {
      if (together >= WORTHWHILE_FACTOR * alone) return true;
      capacity = Math.max(alone, together);
      seenAt = clock.now();
      seenUnder = limit();
      return false;
    },
  };
}

/** Other sources join only where the rest would take one source longer than this. */
const MIN_SHARED_MS = 1_000;

function isWorthSharing(leftBytes: number, bytesPerSecond: number): boolean {
  return (1000 * leftBytes) / bytesPerSecond > MIN_SHARED_MS;
}

/** "add": let other sources join; "keep": go on with those at work; "reduce": go on with the fastest alone. */
export type Advice = "add" | "keep" | "reduce";

export interface Parallelism {
  /** To be called often. @param throughputs of the sources at work; the first source's alone where no others have joined yet */
  advise(leftBytes: number, throughputs: readonly ThroughputMeter[]): Advice;
  /** Notes that other sources have joined. */
  begun(): void;
  /** Whether the speed of all together has been compared with that of the first alone. */
  readonly settled: boolean;
  /** Whether other sources have joined at all. */
  readonly shared: boolean;
}

/** How long one source alone, and all together, have to show their speed. */
const ALONE_MS = 300;
const TOGETHER_MS = 1_500;

export function createParallelism(lineCapacity: LineCapacity, clock: Clock): Parallelism {
  let aloneRate = 0;
  let sharedAt: number | undefined;
  let settled = false;

  function adviseFirst(leftBytes: number, first: ThroughputMeter | undefined): Advice {
    const rate = first?.bytesPerSecond;
    if (rate === undefined || (first?.ageMs ?? 0) < ALONE_MS) return "keep";
    if (!isWorthSharing(leftBytes, rate) || !lineCapacity.mayHelp(rate)) return "keep";
    aloneRate = rate;
    return "add";
  }

  return {
    advise(leftBytes, throughputs) {
      if (sharedAt === undefined) return adviseFirst(leftBytes, throughputs[0]);
      if (settled || clock.now() - sharedAt < TOGETHER_MS) return "keep";
      settled = true;
      const together = throughputs.reduce((sum, { bytesPerSecond = 0 }) => sum + bytesPerSecond, 0);
      return throughputs.length < 2 || lineCapacity.record(aloneRate, together) ? "keep" : "reduce";
    },
    begun() {
      sharedAt = clock.now();
    },
    get settled() {
      return settled;
    },
    get shared() {
      return sharedAt !== undefined;
    },
  };
}
