/**
 * Whether the store takes files: told once in the log when it stops to, and once when it does again, and in between by
 * /healthz. While it does not it is tried now and then, as nobody may ask for a new file for long.
 */
import type { DistfileName } from "../distfile/name.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

export interface StoreHealthDeps {
  readonly store: Pick<Store, "openPart">;
  /** Bytes that may come without removing anything. */
  readonly room: () => number;
  readonly log: Logger;
  /** Milliseconds from one try to the next. */
  readonly everyMs?: number;
}

export interface StoreHealth {
  /** Told when the store does not take bytes, and with undefined when it has taken a file. */
  report(error: unknown): void;
  /** What it can't do now, or undefined. */
  degradedReason(): string | undefined;
  stop(): void;
}

const TRY_EVERY_MS = 10_000;
/** A disk at its brim takes one file and not the next: that is told no more often than this. */
const QUIET_MS = 60_000;
/** So much has to fit before it counts as well. */
const PROBE_BYTES = 1024 * 1024;

export function createStoreHealth({ store, room, log, everyMs = TRY_EVERY_MS }: StoreHealthDeps): StoreHealth {
  let trouble: string | undefined;
  /** By performance.now(). */
  let toldAt = Number.NEGATIVE_INFINITY;
  let told = false;
  let timer: NodeJS.Timeout | undefined;

  function overcome(): void {
    if (told) log.info("The store takes files again");
    told = false;
    trouble = undefined;
    clearInterval(timer);
    timer = undefined;
  }

  async function probe(): Promise<void> {
    if (room() < PROBE_BYTES) return;
    const part = store.openPart("probe" as DistfileName, undefined);
    try {
      await part.write(new Uint8Array(PROBE_BYTES), 0);
    } finally {
      part.leave(false);
      await part.close();
    }
    overcome();
  }

  return {
    report(error) {
      if (error === undefined) {
        overcome();
        return;
      }
      const reason = reasonOf(error);
      if (trouble === undefined && performance.now() - toldAt > QUIET_MS) {
        told = true;
        toldAt = performance.now();
        log.error("The store takes no files: {reason}. Clients get theirs all the same, passed on from upstream.", {
          reason,
        });
      }
      trouble = reason;
      // What fails once more is no news.
      timer ??= setInterval(() => void probe().catch(() => undefined), everyMs);
    },
    degradedReason: () => (trouble === undefined ? undefined : `the store takes no files: ${trouble}`),
    stop: () => clearInterval(timer),
  };
}
