/**
 * Limits how many lines of one kind are logged in a second; the others share one line a second. Whatever is cheap to ask for
 * would else fill a disk: lines of hits alone are 15 GB a day and more, and take a third of what hits cost (measured).
 */
import type { Clock } from "./clock.ts";

export interface LineLimit {
  /**
   * Returns whether an event has a line of its own; if not, it is counted for the shared one.
   * @param now by performance.now()
   * @param cause of which only some events have lines of their own, as one host of many
   */
  take(now: number, bytes?: number, cause?: string): boolean;
}

const PERIOD_MS = 1000;

/**
 * @param writeOthers writes the line for the events of the last second that had none
 * @param mostOfOne of events with the same cause
 */
export function createLineLimit(
  mostPerSecond: number,
  clock: Pick<Clock, "sleep">,
  writeOthers: (events: number, bytes: number) => void,
  mostOfOne = mostPerSecond,
): LineLimit {
  let periodStartedAt = Number.NEGATIVE_INFINITY;
  let lines = 0;
  /** Lines of this period by cause. */
  const linesOf = new Map<string, number>();
  let others = 0;
  let otherBytes = 0;

  function endPeriod(): void {
    writeOthers(others, otherBytes);
    others = 0;
    otherBytes = 0;
  }

  return {
    take(now, bytes = 0, cause) {
      if (now - periodStartedAt >= PERIOD_MS) {
        periodStartedAt = now;
        lines = 0;
        linesOf.clear();
      }
      const ofCause = cause === undefined ? 0 : (linesOf.get(cause) ?? 0);
      if (lines < mostPerSecond && ofCause < mostOfOne) {
        lines++;
        if (cause !== undefined) linesOf.set(cause, ofCause + 1);
        return true;
      }
      if (others === 0) void clock.sleep(PERIOD_MS).then(endPeriod);
      others++;
      otherBytes += bytes;
      return false;
    },
  };
}
