/**
 * Which hits have a line of their own in the log. Beyond a thousand a second nobody reads them, a disk fills with 15 GB a
 * day and more, and the lines take a third of what hits cost (measured): the others are told together, every second.
 */
import type { Clock } from "../lib/clock.ts";

export interface HitLines {
  /** Whether this one has a line; it is counted for the line of all where not. @param now by performance.now() */
  take(now: number, bytes: number): boolean;
}

const PERIOD_MS = 1000;
const LINES_A_PERIOD = 1000;

/** @param sum told within a second of hits that had no line */
export function createHitLines(clock: Pick<Clock, "sleep">, sum: (hits: number, bytes: number) => void): HitLines {
  let startedAt = 0;
  let lines = 0;
  let hits = 0;
  let bytes = 0;

  function tellSum(): void {
    sum(hits, bytes);
    hits = 0;
    bytes = 0;
  }

  return {
    take(now, length) {
      if (now - startedAt >= PERIOD_MS) {
        startedAt = now;
        lines = 0;
      }
      if (lines < LINES_A_PERIOD) {
        lines++;
        return true;
      }
      if (hits === 0) void clock.sleep(PERIOD_MS).then(tellSum);
      hits++;
      bytes += length;
      return false;
    },
  };
}
