/**
 * Whether more sources bring a file sooner: not where our own line is the bound, which only trying can tell. What was found
 * out holds for a while for all downloads.
 */
import type { Clock } from "../lib/clock.ts";

export interface Line {
  /** Another source may help one that sends this fast. */
  mayHelp(bytesPerSecond: number): boolean;
  /** So much came from one source alone, and so much from all together. @returns whether that was worth it */
  judge(alone: number, together: number): boolean;
}

/** More sources have to bring so much more than one. */
const WORTH = 1.15;
/** A rate this near to one at which others did not help is as fast as it gets. */
const NEAR = 0.7;
const REMEMBERED_MS = 10 * 60_000;

export function createLine(clock: Clock): Line {
  let full = Number.POSITIVE_INFINITY;
  let seenAt = 0;
  return {
    mayHelp: (bytesPerSecond) => bytesPerSecond < NEAR * full || Math.abs(clock.now() - seenAt) > REMEMBERED_MS,
    judge(alone, together) {
      if (together >= WORTH * alone) return true;
      full = Math.max(alone, together);
      seenAt = clock.now();
      return false;
    },
  };
}

/** What a file takes alone has to be so long for others to be asked. */
const LEAST_MS = 1_000;

/** @param bytesPerSecond of the one source that sends it now */
export function isLong(leftBytes: number, bytesPerSecond: number): boolean {
  return (1000 * leftBytes) / bytesPerSecond > LEAST_MS;
}
