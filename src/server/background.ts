/**
 * Runs the work beside the requests: recovery of the store, rescans, and what is done every few seconds.
 */
import type { Logger } from "../lib/log.ts";

export interface BackgroundDeps {
  /** Makes the index agree with the disk. */
  readonly recoverStore: () => Promise<void>;
  /** Scans the repositories again. */
  readonly rescan: () => Promise<void>;
  /** Writes to the index what is only in memory. */
  readonly flush: () => void;
  /** Forgets bodies in memory that nobody requests. @returns the bytes released */
  readonly releaseMemory: () => number;
  /** Writes the log of the index back where it is long. */
  readonly checkpoint: () => void;
  readonly log: Logger;
}

export interface Background {
  /** Resolves when the store is recovered. */
  start(): Promise<void>;
  stop(): void;
}

const CHECKPOINT_EVERY_MS = 500;
/** Bodies that nobody requests leave memory after one to two periods: the disk serves few requests as well. */
const RELEASE_EVERY_MS = 15_000;
/** Released bytes that are worth a garbage collection (13 ms): an idle process makes none by itself. */
const WORTH_COLLECTING = 4 * 1024 * 1024;
const FLUSH_EVERY_MS = 5_000;
/** After a recovery that failed. */
const RECOVER_EVERY_MS = 60_000;
/** Repositories are rescanned this often even if no miss asks for it. */
const RESCAN_EVERY_MS = 15 * 60 * 1000;

/**
 * Returns a function that recovers the store, and when called later does so again where that failed, as on a full disk: meanwhile
 * files are served, and clean-up runs.
 */
function createRecovery({ recoverStore, log }: Pick<BackgroundDeps, "recoverStore" | "log">): () => Promise<void> {
  let recovering: Promise<void> | undefined;
  let triedBefore = false;
  return () => {
    recovering ??= recoverStore().catch((error: unknown) => {
      if (!triedBefore)
        log.error("Cannot finish the recovery of the store: {error}. It is tried again every minute.", { error });
      triedBefore = true;
      recovering = undefined;
    });
    return recovering;
  };
}

export function createBackground(deps: BackgroundDeps): Background {
  const { rescan, flush, releaseMemory, checkpoint } = deps;
  const recover = createRecovery(deps);
  let timers: readonly NodeJS.Timeout[] = [];

  /** Returns the memory to the system as well. */
  function release(): void {
    if (releaseMemory() >= WORTH_COLLECTING) Bun.gc(true);
  }

  return {
    async start() {
      timers = [
        setInterval(flush, FLUSH_EVERY_MS),
        setInterval(release, RELEASE_EVERY_MS),
        setInterval(checkpoint, CHECKPOINT_EVERY_MS),
        setInterval(() => void recover(), RECOVER_EVERY_MS),
        setInterval(() => void rescan(), RESCAN_EVERY_MS),
      ];
      await recover();
    },
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
