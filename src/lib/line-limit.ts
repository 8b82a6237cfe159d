/**
 * Limits how many lines of one kind are logged in a second; the others share one line a second. Whatever is cheap to ask for
 * would else fill a disk: lines of hits alone are 15 GB a day and more, and take a third of what hits cost (measured).
 */
import type { Clock } from "./clock.ts";

export interface LineLimit {
  /**
   * Returns whether an event has a line of its own; if not, it is counted for the shared one.
   * @param now by performance.now()
   */
  take(now: number, bytes?: number): boolean;
}

const PERIOD_MS = 1000;

/** @param writeOthers writes the line for the events of the last second that had none */
export function createLineLimit(
  mostPerSecond: number,
  clock: Pick<Clock, "sleep">,
  writeOthers: (events: number, bytes: number) => void,
): LineLimit {
  let periodStartedAt = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let others = 0;
  let otherBytes = 0;

  function endPeriod(): void {
    writeOthers(others, otherBytes);
    others = 0;
    otherBytes = 0;
  }

  return {
    take(now, bytes = 0) {
      if (now - periodStartedAt >= PERIOD_MS) {
        periodStartedAt = now;
        lines = 0;
      }
      if (lines < mostPerSecond) {
        lines++;
        return true;
      }
      if (others === 0) void clock.sleep(PERIOD_MS).then(endPeriod);
      others++;
      otherBytes += bytes;
      return false;
    },
  };
}
