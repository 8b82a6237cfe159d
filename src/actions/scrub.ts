/**
 * Verifies the whole store in the background, slowly, once in each `[storage] scrub` period. The index holds when each file was
 * verified, so a restart continues where the last run ended. Bad files are fetched again or removed.
 */
import type { FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createReadLimit, type Verify } from "./verify-files.ts";

export interface ScrubDeps {
  readonly verify: Pick<Verify, "one">;
  readonly rows: Pick<FileRows, "longestUnverified" | "bytes">;
  /** Returns the period; 0: never. */
  readonly everyMs: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Scrub {
  /** Runs until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Lowest read rate, so that a file just found on disk is soon verified. */
const MIN_BYTES_PER_SECOND = 4 * 1024 * 1024;
/** Reads faster than the average needed, as the machine may be off half of the time. */
const SPEED_FACTOR = 3;
const FILES_AT_A_TIME = 20;
const REST_MS = 10 * 60 * 1000;
const PAUSE_MS = 1000;

export function createScrub({ verify, rows, everyMs, clock, log }: ScrubDeps): Scrub {
  const readLimit = createReadLimit(
    () => Math.max(MIN_BYTES_PER_SECOND, (SPEED_FACTOR * rows.bytes() * 1000) / everyMs()),
    clock,
  );

  /** Verifies a few due files. Resolves with whether there were any. */
  async function round(signal: AbortSignal): Promise<boolean> {
    const before = clock.now() - everyMs();
    const due = rows.longestUnverified(FILES_AT_A_TIME).filter(({ verifiedAt }) => (verifiedAt ?? 0) < before);
    for (const { name } of due) await verify.one(name, true, readLimit, signal);
    return due.length > 0;
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        try {
          const worked = everyMs() > 0 && (await round(signal));
          await clock.sleep(worked ? PAUSE_MS : REST_MS, signal);
        } catch (error) {
          if (signal.aborted) return;
          log.error("Cannot verify stored files in the background: {error}", { error });
          await clock.sleep(REST_MS, signal).catch(() => undefined);
        }
      }
    },
  };
}
