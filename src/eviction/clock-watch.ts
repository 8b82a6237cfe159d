/**
 * Watches the clock that the ages of stored files are counted by. Whoever sets it ("2100", or back by a year) makes no file older:
 * what the clock was set by is added to the times that ages begin at, so that an age grows only with time that has passed. While
 * nothing runs nobody can tell the one from the other, and a day counts at most.
 */
import type { FileTimes } from "../index/file-times.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";

export interface ClockWatchDeps {
  readonly times: FileTimes;
  readonly clock: Clock;
  /** Milliseconds of a clock that nobody can set. */
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

export interface ClockWatch {
  /** The clock, which is looked at before it tells the time. */
  readonly clock: Clock;
  /** Returns whether the clock was set within the last so many milliseconds. */
  wasSetWithin(ms: number): boolean;
  /** Notes in the index when the clock was last looked at. */
  flush(): void;
}

/** How far the clock may be off between two looks: it is slewed, and the process may not get to run. */
const TOLERANCE_MS = 60_000;
/** How much of the time between two runs counts: a day. */
const MAX_GAP_MS = 24 * 60 * 60 * 1000;
const NOTE_EVERY_MS = 15 * 60 * 1000;

export function createClockWatch({ times, clock, monotonicMs, log }: ClockWatchDeps): ClockWatch {
  let lookedAt = clock.now();
  let lookedAtMonotonic = monotonicMs();
  let setAtMonotonic = Number.NEGATIVE_INFINITY;
  let notedAtMonotonic = Number.NEGATIVE_INFINITY;

  function note(now: number): void {
    times.saw(now);
    notedAtMonotonic = monotonicMs();
  }

  function shift(ms: number, since: number, now: number): void {
    setAtMonotonic = monotonicMs();
    try {
      times.shift(Math.round(ms), Math.floor(since), now);
      note(now);
    } catch (error) {
      log.warn("Cannot note in the index that the clock was set: {error}", { error });
    }
  }

  function look(): number {
    const [now, monotonic] = [clock.now(), monotonicMs()];
    const elapsedMs = monotonic - lookedAtMonotonic;
    const setByMs = now - lookedAt - elapsedMs;
    lookedAt = now;
    lookedAtMonotonic = monotonic;
    if (Math.abs(setByMs) > TOLERANCE_MS) {
      warn(setByMs);
      shift(setByMs, now - elapsedMs, now);
    }
    return now;
  }

  function warn(ms: number): void {
    const [direction, seconds] = [ms > 0 ? "forward" : "back", Math.round(Math.abs(ms) / 1000)];
    log.warn("The clock was set {direction} by {seconds} s: the ages of stored files are corrected", {
      direction,
      seconds,
    });
  }

  const seenAt = times.seenAt();
  const gapMs = seenAt === undefined ? 0 : lookedAt - seenAt;
  if (gapMs < -TOLERANCE_MS) {
    warn(gapMs);
    shift(gapMs, Number.POSITIVE_INFINITY, lookedAt);
  } else if (gapMs > MAX_GAP_MS) {
    const days = Math.floor(gapMs / MAX_GAP_MS);
    log.info("The clock is {days} days ahead of the last run: stored files count as one day older at most", {
      days,
    });
    shift(gapMs - MAX_GAP_MS, Number.POSITIVE_INFINITY, lookedAt);
  }

  return {
    clock: { now: look, sleep: clock.sleep },
    wasSetWithin: (ms) => monotonicMs() - setAtMonotonic < ms,
    flush() {
      const now = look();
      if (monotonicMs() - notedAtMonotonic >= NOTE_EVERY_MS) note(now);
    },
  };
}
