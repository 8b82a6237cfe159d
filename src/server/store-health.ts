/**
 * Watches whether the store takes files. Logs once when it stops and once when it works again; /healthz says `degraded` in
 * between. Probes the disk meanwhile, as the next new file may be long in coming.
 */
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

export interface StoreHealthDeps {
  readonly store: Pick<Store, "openNamelessPart">;
  /** Bytes that fit without removing anything. */
  readonly spareBytes: () => number;
  readonly log: Logger;
  /** Milliseconds between probes. */
  readonly everyMs?: number;
}

export interface StoreHealth {
  /** Takes the error with which the store refused bytes; undefined when it has stored a file. */
  report(error: unknown): void;
  /** Returns why the store takes no files; undefined while it does. */
  degradedReason(): string | undefined;
  stop(): void;
}

const PROBE_EVERY_MS = 10_000;
/** A disk that is nearly full takes one file and refuses the next: that is logged no more often than this. */
const LOG_EVERY_MS = 60_000;
/** Bytes that must fit before the store counts as healthy. */
const PROBE_BYTES = 1024 * 1024;

export function createStoreHealth({ store, spareBytes, log, everyMs = PROBE_EVERY_MS }: StoreHealthDeps): StoreHealth {
  let problem: string | undefined;
  /** By performance.now(). */
  let loggedAt = Number.NEGATIVE_INFINITY;
  let logged = false;
  let timer: NodeJS.Timeout | undefined;

  function recovered(): void {
    if (logged) log.info("The store takes files again");
    logged = false;
    problem = undefined;
    clearInterval(timer);
    timer = undefined;
  }

  async function probe(): Promise<void> {
    if (spareBytes() < PROBE_BYTES) return;
    const part = store.openNamelessPart();
    try {
      await part.write(new Uint8Array(PROBE_BYTES), 0);
    } finally {
      part.leave(false);
      await part.close();
    }
    recovered();
  }

  return {
    report(error) {
      if (error === undefined) {
        recovered();
        return;
      }
      const reason = reasonOf(error);
      if (problem === undefined && performance.now() - loggedAt > LOG_EVERY_MS) {
        logged = true;
        loggedAt = performance.now();
        log.error("The store takes no files: {reason}. Clients still get theirs, passed on from upstream.", {
          reason,
        });
      }
      problem = reason;
      // Another failed probe is no news.
      timer ??= setInterval(() => void probe().catch(() => undefined), everyMs);
    },
    degradedReason: () => (problem === undefined ? undefined : `the store takes no files: ${problem}`),
    stop: () => clearInterval(timer),
  };
}
