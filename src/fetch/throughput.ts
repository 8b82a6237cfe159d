/**
 * Measures transfers, and decides whether one is too slow to stay with: one that trickles or has gone silent is left when
 * other sources have shown that they would bring the rest in a fraction of the time. Where nothing is known of others only
 * the stall watchdog ends it.
 */
import { SourceError } from "../distfile/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { createTransferWatch, type TransferWatch } from "../upstream/stall-watchdog.ts";

export interface ThroughputMeter {
  received(bytes: number): void;
  /** Milliseconds since the first byte. */
  readonly ageMs: number;
  /** Bytes per second over the last two seconds; undefined where that is not known yet. */
  readonly bytesPerSecond: number | undefined;
}

const METER_WINDOW_MS = 2_000;
/** A shorter time says nothing about the speed. */
const MIN_METER_MS = 250;

export function createThroughputMeter(clock: Clock): ThroughputMeter {
  let startedAt: number | undefined;
  let seen: { readonly at: number; readonly bytes: number }[] = [];
  const ageMs = () => (startedAt === undefined ? 0 : Math.max(0, clock.now() - startedAt));
  return {
    received(bytes) {
      const at = clock.now();
      // The first bytes were on their way for an unknown time.
      if (startedAt === undefined) startedAt = at;
      else seen.push({ at, bytes });
    },
    get ageMs() {
      return ageMs();
    },
    get bytesPerSecond() {
      if (ageMs() < MIN_METER_MS) return undefined;
      const since = clock.now() - METER_WINDOW_MS;
      seen = seen.filter(({ at }) => at > since);
      const bytes = seen.reduce((sum, one) => sum + one.bytes, 0);
      return (1000 * bytes) / Math.min(ageMs(), METER_WINDOW_MS);
    },
  };
}

const STEPS = 3;
/** Changing the source has its price, and what others have shown is no promise. */
const TIMES_SLOWER = 3;

/** How soon a transfer is compared with other sources, and how much longer than there it may take. */
export interface SlownessLimit {
  readonly stepMs: number;
  readonly graceMs: number;
}

/** For files that stream: clients have the bytes received so far, and can wait a little. */
export const STREAMED: SlownessLimit = { stepMs: 1_000, graceMs: 3_000 };
/** For files that are held until they are verified: clients have nothing before. */
export const HELD: SlownessLimit = { stepMs: 300, graceMs: 700 };

/** The source still sends, or may, but much less than others can. */
export class SlowSourceError extends SourceError {
  /** Not a byte came. */
  readonly silent: boolean;

  constructor(bytesPerSecond: number) {
    super("timeout", `sends ${Math.round(bytesPerSecond)} bytes/s, others can send more`);
    this.name = "SlowSourceError";
    this.silent = bytesPerSecond === 0;
  }
}

/** @param elsewhereMs how long the rest would take at the best of the other sources */
export function isWorthLeaving(
  bytesPerSecond: number,
  leftBytes: number,
  elsewhereMs: number,
  { graceMs }: SlownessLimit,
): boolean {
  return (1000 * leftBytes) / bytesPerSecond > TIMES_SLOWER * elsewhereMs + graceMs;
}

/** @param isTooSlow called after each step with the speed of the last three; when it returns true, `onSlow` is called once */
export function createThroughputWatch(
  isTooSlow: (bytesPerSecond: number) => boolean,
  onSlow: (error: SourceError) => void,
  { stepMs }: SlownessLimit,
): TransferWatch {
  return createTransferWatch(stepMs, STEPS, (bytes) => {
    const bytesPerSecond = (1000 * bytes) / (STEPS * stepMs);
    if (!isTooSlow(bytesPerSecond)) return false;
    onSlow(new SlowSourceError(bytesPerSecond));
    return true;
  });
}
