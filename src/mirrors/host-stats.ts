/**
 * Keeps the statistics of one host (pure): time to first byte, throughput, failures, and the state of its circuit. Old samples
 * count less and less, so that every host is tried again in time.
 */
import type { HostStats } from "../distfile/mirror-records.ts";
import type { RequestOutcome } from "../distfile/source.ts";

export const NO_STATS: HostStats = {
  firstByteMs: undefined,
  recentFirstByteMs: [],
  bytesPerSecond: undefined,
  speedBytes: 0,
  delivered: 0,
  absent: 0,
  failed: 0,
  strikes: 0,
  openUntil: undefined,
  openForMs: 0,
  seenAt: 0,
};

const RECENT_FIRST_BYTES = 20;
/** Weight of a new first byte in the average. */
const FIRST_BYTE_SHARE = 0.25;
/** The history weighs no more than this many bytes or this much waiting, whichever makes the new sample count more. */
const HISTORY_BYTES = 8 * 1024 * 1024;
const HISTORY_MS = 2_000;
/** Fewer bytes, or all of them at once, say nothing about throughput. */
const SAMPLE_BYTES = 16 * 1024;
/** Counts above it are halved. */
const MAX_REQUESTS_COUNTED = 128;
/** Samples count half after this long without new ones. */
const HALF_LIFE_MS = 24 * 60 * 60 * 1000;

/** One unreachable request opens the circuit, else two failures in a row, or three late ones. */
const STRIKES: Readonly<Record<RequestOutcome, number>> = {
  unreachable: 6,
  failed: 3,
  corrupt: 3,
  late: 2,
  delivered: 0,
  absent: 0,
  different: 0,
  cancelled: 0,
};
const OPENING_STRIKES = 6;
const FIRST_OPEN_MS = 15_000;
const MAX_OPEN_MS = 15 * 60_000;

/** Adds a first byte that came after this time. */
export function withFirstByte(stats: HostStats, ms: number): HostStats {
  const before = stats.firstByteMs ?? ms;
  return {
    ...stats,
    firstByteMs: before + FIRST_BYTE_SHARE * (ms - before),
    recentFirstByteMs: [...stats.recentFirstByteMs, ms].slice(-RECENT_FIRST_BYTES),
  };
}

/** Adds a first byte that had not come after this time: how late it would have been is unknown. */
export function withLateness(stats: HostStats, ms: number): HostStats {
  const before = stats.firstByteMs ?? ms;
  return { ...stats, firstByteMs: before + FIRST_BYTE_SHARE * Math.max(0, ms - before) };
}

/**
 * Adds a transfer's throughput: many bytes weigh much, and so does a long wait for few, so that a host that got better and one
 * that got worse both show soon. Averages logarithms, as throughputs differ by factors.
 */
export function withSpeed(stats: HostStats, bytes: number, waitedMs: number): HostStats {
  if (bytes < SAMPLE_BYTES && waitedMs < HISTORY_MS / 5) return stats;
  const sample = (1000 * Math.max(bytes, 1)) / Math.max(waitedMs, 1);
  const history = Math.min(stats.speedBytes, HISTORY_BYTES);
  const share = Math.max(bytes / (bytes + history + 1), waitedMs / (waitedMs + HISTORY_MS));
  const before = stats.bytesPerSecond ?? sample;
  return {
    ...stats,
    bytesPerSecond: before ** (1 - share) * sample ** share,
    speedBytes: Math.min(Math.max(stats.speedBytes + bytes, SAMPLE_BYTES), HISTORY_BYTES),
  };
}

/**
 * Adds a transfer whose bytes all came with the first: its throughput was this at least. Without it a host that sends small files
 * at once would have no throughput, and rank no higher than the slow ones.
 */
export function withLeastSpeed(stats: HostStats, bytes: number, firstByteMs: number): HostStats {
  const least = (1000 * bytes) / Math.max(firstByteMs, 1);
  return least > (stats.bytesPerSecond ?? 0) ? withSpeed(stats, bytes, firstByteMs) : stats;
}

/** Decays the counts up to now. */
export function aged(stats: HostStats, now: number): HostStats {
  if (stats.seenAt === 0) return { ...stats, seenAt: now };
  // Nothing gets younger when the clock is set back.
  const left = 0.5 ** (Math.max(0, now - stats.seenAt) / HALF_LIFE_MS);
  const { speedBytes, delivered, absent, failed } = stats;
  return {
    ...stats,
    speedBytes: speedBytes * left,
    delivered: delivered * left,
    absent: absent * left,
    failed: failed * left,
    seenAt: now,
  };
}

function opened(stats: HostStats, now: number): HostStats {
  const openForMs = Math.min(Math.max(stats.openForMs * 2, FIRST_OPEN_MS), MAX_OPEN_MS);
  return { ...stats, openForMs, openUntil: now + openForMs };
}

/** Adds the outcome of a request, which may open or close the circuit. */
export function withOutcome(before: HostStats, outcome: RequestOutcome, now: number): HostStats {
  const stats = aged(before, now);
  if (outcome === "cancelled") return stats;
  const fade = stats.delivered + stats.absent + stats.failed >= MAX_REQUESTS_COUNTED ? 0.5 : 1;
  const counted = {
    ...stats,
    delivered: stats.delivered * fade + (outcome === "delivered" ? 1 : 0),
    absent: stats.absent * fade + (outcome === "absent" || outcome === "different" ? 1 : 0),
    failed: stats.failed * fade + (outcome === "failed" || outcome === "corrupt" || outcome === "unreachable" ? 1 : 0),
  };
  if (STRIKES[outcome] === 0) return { ...counted, strikes: 0, openUntil: undefined, openForMs: 0 };
  const strikes = stats.strikes + STRIKES[outcome];
  // Requests that were under way when the circuit opened say nothing new; the one let through afterwards does.
  const isOpen = stats.openUntil !== undefined && now < stats.openUntil;
  if (strikes < OPENING_STRIKES || isOpen) return { ...counted, strikes };
  return opened({ ...counted, strikes }, now);
}

/** Whether requests go to a host; `waiting`: it asked to be left alone for a while. */
export type CircuitState = "closed" | "open" | "half-open" | "waiting";

/** Returns whether a host is asked only when there is no other. */
export function isLastResort(circuit: CircuitState): boolean {
  return circuit === "open" || circuit === "waiting";
}

/** Returns the state of the circuit. A half-open one lets one request through at a time. */
export function circuitState({ openUntil, openForMs }: HostStats, activeRequests: number, now: number): CircuitState {
  if (openUntil === undefined) return "closed";
  // Otherwise it would stay open for ever after the clock was set back.
  const waits = now < openUntil && openUntil - now <= openForMs;
  return waits || activeRequests > 0 ? "open" : "half-open";
}

/** Returns the time within which this share (0 to 1) of the recent first bytes came; undefined where there are none. */
export function firstBytePercentile({ recentFirstByteMs }: HostStats, share: number): number | undefined {
  const sorted = recentFirstByteMs.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Returns the share (0 to 1) of requests that the host answered; undefined where there are none. */
export function successRate({ delivered, absent, failed }: HostStats): number | undefined {
  const all = delivered + absent + failed;
  return all === 0 ? undefined : (delivered + absent) / all;
}

/** Fewer first bytes make no distribution. */
const MIN_FIRST_BYTES = 5;
const MIN_HEDGE_DELAY_MS = 300;
const MAX_HEDGE_DELAY_MS = 5_000;
const DEFAULT_HEDGE_DELAY_MS = 1_000;

/** Returns how long the first byte may take before a hedged request goes to another source: the 95th percentile, in bounds. */
export function hedgeDelayMs(stats: HostStats): number {
  // After an open circuit the host has yet to show that it works.
  if (stats.openUntil !== undefined) return MIN_HEDGE_DELAY_MS;
  const late = stats.recentFirstByteMs.length < MIN_FIRST_BYTES ? undefined : firstBytePercentile(stats, 0.95);
  if (late === undefined) return DEFAULT_HEDGE_DELAY_MS;
  return Math.min(Math.max(late, MIN_HEDGE_DELAY_MS), MAX_HEDGE_DELAY_MS);
}

/** What a host without samples is expected to do. */
export interface Prior {
  readonly firstByteMs: number;
  readonly bytesPerSecond: number;
}

/** A throughput measured over this many bytes weighs as much as the prior. */
const PRIOR_BYTES = 4 * 1024;

/**
 * Estimates the cost of asking a host that has the file with this probability: the time for the bytes, and that of the 404s before it. Of
 * two hosts the one with the smaller cost comes first: then the expected time over both, one after the other, is the smallest.
 */
export function expectedCostMs(stats: HostStats, prior: Prior, bytes: number, chance: number): number {
  const { firstByteMs = prior.firstByteMs } = stats;
  return expectedMs(stats, prior, bytes) + (firstByteMs * (1 - chance)) / chance;
}

/** Estimates how long the bytes would take, in milliseconds. */
export function expectedMs(stats: HostStats, prior: Prior, bytes: number): number {
  const { firstByteMs = prior.firstByteMs, bytesPerSecond = prior.bytesPerSecond } = stats;
  const weight = stats.speedBytes / (stats.speedBytes + PRIOR_BYTES);
  const speed = bytesPerSecond ** weight * prior.bytesPerSecond ** (1 - weight);
  return firstByteMs + (1000 * bytes) / speed;
}
