/**
 * Reads the whole store again once in so long a time, in the background and slowly: which file was verified when stands in
 * the index, so that a restart begins where the run before it ended. Bad files are fetched again or removed.
 */
import type { FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPace, type Verify } from "./verify-files.ts";

export interface ScrubDeps {
  readonly verify: Pick<Verify, "one">;
  readonly rows: Pick<FileRows, "longestUnverified" | "bytes">;
  /** 0: never. */
  readonly everyMs: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Scrub {
  /** Ends with the signal. */
  run(signal: AbortSignal): Promise<void>;
}

/** What is due is read no slower than this, so that a file just found on disk is soon known. */
const LEAST_BYTES_PER_SECOND = 4 * 1024 * 1024;
/** How much faster than the average that is needed: the machine may be off half of the time. */
const HASTE = 3;
const FILES_AT_A_TIME = 20;
const REST_MS = 10 * 60 * 1000;
const BREATH_MS = 1000;

export function createScrub({ verify, rows, everyMs, clock, log }: ScrubDeps): Scrub {
  const pace = createPace(() => Math.max(LEAST_BYTES_PER_SECOND, (HASTE * rows.bytes() * 1000) / everyMs()), clock);

  /** Whether there was something due. */
  async function round(signal: AbortSignal): Promise<boolean> {
    const before = clock.now() - everyMs();
    const due = rows.longestUnverified(FILES_AT_A_TIME).filter(({ verifiedAt }) => (verifiedAt ?? 0) < before);
    for (const { name } of due) await verify.one(name, true, pace, signal);
    return due.length > 0;
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        try {
          const worked = everyMs() > 0 && (await round(signal));
          await clock.sleep(worked ? BREATH_MS : REST_MS, signal);
        } catch (error) {
          if (signal.aborted) return;
          log.error("Cannot verify stored files in the background: {error}", { error });
          await clock.sleep(REST_MS, signal).catch(() => undefined);
        }
      }
    },
  };
}
