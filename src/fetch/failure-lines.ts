/**
 * Bounds the warnings about sources: a client may ask for any number of names, and each has every mirror fail once more.
 */
import type { Clock } from "../lib/clock.ts";
import { noun } from "../lib/format.ts";
import { createLineLimit } from "../lib/line-limit.ts";
import type { Logger } from "../lib/log.ts";

/** Warnings about sources in a second that have lines of their own. */
export const MAX_FAILURE_LINES = 100;
/** Of these, about one host: a mirror that fails for all files must not hide the others. */
export const MAX_HOST_FAILURE_LINES = 10;

export interface FailureLines {
  /**
   * Returns whether a warning about a source on this host has a line of its own; if not, it is counted.
   * @param now by performance.now()
   */
  take(host: string, now: number): boolean;
}

export function createFailureLines(clock: Pick<Clock, "sleep">, log: Logger): FailureLines {
  const lines = createLineLimit(
    MAX_FAILURE_LINES,
    clock,
    (failures) => {
      const text = `{failures} more ${noun(failures, "failure")} of sources: only {most} a second of all, and {ofHost} of one host, have their own lines`;
      log.warn(text, { failures, most: MAX_FAILURE_LINES, ofHost: MAX_HOST_FAILURE_LINES });
    },
    MAX_HOST_FAILURE_LINES,
  );
  return { take: (host, now) => lines.take(now, 0, host) };
}
