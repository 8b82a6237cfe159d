/**
 * What is known of one place that files come from (pure): a mirror, or a host of SRC_URI. How soon its first byte
 * comes, how fast the rest, how often it fails, and whether it is asked at all now (its circuit). What was learnt long
 * ago counts less, so that every place is tried again in time.
 */

import type { RequestOutcome } from "../distfile/source.ts";

export interface Knowledge {
  /** Smoothed; undefined before the first. */
  readonly firstByteMs: number | undefined;
  /** The newest ones, oldest first: their distribution tells what is late. */
  readonly recentFirstByteMs: readonly number[];
  /** Of one transfer, while somebody waited for bytes; smoothed; undefined before the first. */
  readonly bytesPerSecond: number | undefined;
  /** Bytes that this speed rests on; less as time goes by. */
  readonly speedBytes: number;
  /** Counts that fade. */
  readonly delivered: number;
  readonly absent: number;
  readonly failed: number;
  /** Since it last worked; enough of them open the circuit. */
  readonly strikes: number;
  /** When an open circuit lets one request through; undefined: closed. */
  readonly openUntil: number | undefined;
  /** For how long the circuit was opened last; 0 once the place works. */
  readonly openForMs: number;
  /** When all this was true, in milliseconds since the epoch; 0: never asked. */
  readonly seenAt: number;
}

export const NOTHING_KNOWN: Knowledge = {
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

const RECENT = 20;
/** Each new first byte counts so much. */
const FIRST_BYTE_SHARE = 0.25;
/** History weighs no more than so many bytes or so much waiting, whichever makes the new sample count more. */
const HISTORY_BYTES = 8 * 1024 * 1024;
const HISTORY_MS = 2_000;
/** Fewer bytes, or all of them at once, tell nothing of a speed. */
const SAMPLE_BYTES = 16 * 1024;
/** Counts above it are halved. */
const MANY = 128;
/** Half of what is known counts after so long without news. */
const HALF_LIFE_MS = 24 * 60 * 60 * 1000;

/** One that can't be reached opens the circuit at once, failures two in a row, late ones three. */
const STRIKES: Readonly<Record<RequestOutcome, number>> = {
  unreachable: 6,
  failed: 3,
  late: 2,
  delivered: 0,
  absent: 0,
  cancelled: 0,
};
const OPENING_STRIKES = 6;
const FIRST_OPEN_MS = 15_000;
const LONGEST_OPEN_MS = 15 * 60_000;

/** The same with a first byte that came after so long. */
export function withFirstByte(known: Knowledge, ms: number): Knowledge {
  const before = known.firstByteMs ?? ms;
  return {
    ...known,
    firstByteMs: before + FIRST_BYTE_SHARE * (ms - before),
    recentFirstByteMs: [...known.recentFirstByteMs, ms].slice(-RECENT),
  };
}

/** The same with a first byte that was not there after so long: how late it would have been is not known. */
export function withLateness(known: Knowledge, ms: number): Knowledge {
  const before = known.firstByteMs ?? ms;
  return { ...known, firstByteMs: before + FIRST_BYTE_SHARE * Math.max(0, ms - before) };
}

/**
 * The same with a transfer's speed: many bytes count much, and so does long waiting for few, so that both a mirror that got
 * better and one that got worse are believed soon. Averaged as logarithms: speeds differ by factors.
 */
export function withSpeed(known: Knowledge, bytes: number, waitedMs: number): Knowledge {
  if (bytes < SAMPLE_BYTES && waitedMs < HISTORY_MS / 5) return known;
  const sample = (1000 * Math.max(bytes, 1)) / Math.max(waitedMs, 1);
  const history = Math.min(known.speedBytes, HISTORY_BYTES);
  const share = Math.max(bytes / (bytes + history + 1), waitedMs / (waitedMs + HISTORY_MS));
  const before = known.bytesPerSecond ?? sample;
  return {
    ...known,
    bytesPerSecond: before ** (1 - share) * sample ** share,
    speedBytes: Math.min(Math.max(known.speedBytes + bytes, SAMPLE_BYTES), HISTORY_BYTES),
  };
}

/**
 * The same with a transfer of which all bytes came with the first: its speed was this at least. Without that a place from
 * which whatever is small comes at once would have none, and be taken for no faster than the slow ones.
 */
export function withLeastSpeed(known: Knowledge, bytes: number, firstByteMs: number): Knowledge {
  const least = (1000 * bytes) / Math.max(firstByteMs, 1);
  return least > (known.bytesPerSecond ?? 0) ? withSpeed(known, bytes, firstByteMs) : known;
}

/** What is left of it by now; also brings its time up to date. */
export function aged(known: Knowledge, now: number): Knowledge {
  if (known.seenAt === 0) return { ...known, seenAt: now };
  // A clock set back makes nothing younger.
  const left = 0.5 ** (Math.max(0, now - known.seenAt) / HALF_LIFE_MS);
  const { speedBytes, delivered, absent, failed } = known;
  return {
    ...known,
    speedBytes: speedBytes * left,
    delivered: delivered * left,
    absent: absent * left,
    failed: failed * left,
    seenAt: now,
  };
}

function opened(known: Knowledge, now: number): Knowledge {
  const openForMs = Math.min(Math.max(known.openForMs * 2, FIRST_OPEN_MS), LONGEST_OPEN_MS);
  return { ...known, openForMs, openUntil: now + openForMs };
}

/** The same after a request that ended like this. */
export function withOutcome(before: Knowledge, outcome: RequestOutcome, now: number): Knowledge {
  const known = aged(before, now);
  if (outcome === "cancelled") return known;
  const fade = known.delivered + known.absent + known.failed >= MANY ? 0.5 : 1;
  const counted = {
    ...known,
    delivered: known.delivered * fade + (outcome === "delivered" ? 1 : 0),
    absent: known.absent * fade + (outcome === "absent" ? 1 : 0),
    failed: known.failed * fade + (outcome === "failed" || outcome === "unreachable" ? 1 : 0),
  };
  if (STRIKES[outcome] === 0) return { ...counted, strikes: 0, openUntil: undefined, openForMs: 0 };
  const strikes = known.strikes + STRIKES[outcome];
  // Requests that were under way when it opened say nothing new; the one let through afterwards does.
  const isOpen = known.openUntil !== undefined && now < known.openUntil;
  if (strikes < OPENING_STRIKES || isOpen) return { ...counted, strikes };
  return opened({ ...counted, strikes }, now);
}

export type Circuit = "closed" | "open" | "half-open";

/** A half-open one lets one request through at a time. */
export function circuitOf({ openUntil, openForMs }: Knowledge, carrying: number, now: number): Circuit {
  if (openUntil === undefined) return "closed";
  // With the clock set back it would stay open for ever.
  const waits = now < openUntil && openUntil - now <= openForMs;
  return waits || carrying > 0 ? "open" : "half-open";
}

/** Of the recent first bytes, so many (0 to 1) came within this; undefined where there are none. */
export function firstByteWithin({ recentFirstByteMs }: Knowledge, share: number): number | undefined {
  const sorted = recentFirstByteMs.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Of the requests that ended one way or the other, 0 to 1; undefined where there are none. */
export function successRate({ delivered, absent, failed }: Knowledge): number | undefined {
  const all = delivered + absent + failed;
  return all === 0 ? undefined : (delivered + absent) / all;
}

/** So many first bytes it takes for a distribution. */
const ENOUGH = 5;
const LEAST_PATIENCE_MS = 300;
const MOST_PATIENCE_MS = 5_000;
const PATIENCE_WITH_STRANGERS_MS = 1_000;

/** How long a first byte may take before another place is asked beside it. */
export function hedgeDelayMs(known: Knowledge): number {
  // One that comes back from an open circuit has yet to show that it works.
  if (known.openUntil !== undefined) return LEAST_PATIENCE_MS;
  const late = known.recentFirstByteMs.length < ENOUGH ? undefined : firstByteWithin(known, 0.95);
  if (late === undefined) return PATIENCE_WITH_STRANGERS_MS;
  return Math.min(Math.max(late, LEAST_PATIENCE_MS), MOST_PATIENCE_MS);
}

/** What a place may do of which little is known. */
export interface Prior {
  readonly firstByteMs: number;
  readonly bytesPerSecond: number;
}

/** A speed that rests on so many bytes is believed by half. */
const DOUBTED_BYTES = 4 * 1024;

/** How long so many bytes would take, in milliseconds. */
export function expectedMs(known: Knowledge, prior: Prior, bytes: number): number {
  const { firstByteMs = prior.firstByteMs, bytesPerSecond = prior.bytesPerSecond } = known;
  const belief = known.speedBytes / (known.speedBytes + DOUBTED_BYTES);
  const speed = bytesPerSecond ** belief * prior.bytesPerSecond ** (1 - belief);
  return firstByteMs + (1000 * bytes) / speed;
}
