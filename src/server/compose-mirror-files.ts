/**
 * Puts together the cache of mirror files: what their downloads and look-ups need.
 */
import { createMirrorFilePolicies } from "../cache/mirror-files/download-policy.ts";
import { createMirrorFileCache, type MirrorFileCache } from "../cache/mirror-files/lookup.ts";
import { createStoredMirrorFiles } from "../cache/mirror-files/stored-files.ts";
import { createNegativeCache } from "../cache/negative-cache.ts";
import type { Config } from "../config/schema.ts";
import { createClientLimit } from "../lib/client-limit.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPrioritySemaphore } from "../lib/priority-semaphore.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";
import type { ComposedDownloads } from "./compose-downloads.ts";
import type { ComposedStore } from "./compose-store.ts";

export interface MirrorFilesParts {
  /** Values may change. */
  readonly config: Pick<Config, "fetcher">;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ComposedMirrorFiles {
  readonly mirrorFileCache: MirrorFileCache;
  /** Forgets which files no mirror had or could be asked for: other mirrors may have them. */
  forgetFailures(): void;
}

/** Mirror files asked for at once: paths that no mirror has must not cost upstream much either. */
const DOWNLOAD_SLOTS = 16;
/** Transfers that take longer than asking does, beside those that hold a slot. */
const YIELDED_SLOTS = 32;
/** Mirror files that clients wait for, in all and each (compose-distfiles.ts). */
const MAX_QUEUED = 1_000;
const MAX_QUEUED_PER_CLIENT = 125;
/** How long stored files are served without asking, where no mirror could be asked. */
const UNREACHABLE_MS = 15_000;

export function composeMirrorFiles(
  { config, clock, log }: MirrorFilesParts,
  { rows, inUse }: ComposedStore,
  { storedFiles, startDownload, flights, heads }: ComposedDownloads,
  mirrors: Mirrors,
): ComposedMirrorFiles {
  const storedMirrorFiles = createStoredMirrorFiles({ storedFiles, rows, isOfMirror: mirrors.haveUrl, clock, log });
  const absent = createNegativeCache(() => config.fetcher.negative_ttl, clock);
  const unreachable = createNegativeCache(() => UNREACHABLE_MS, clock);
  const queue = createClientLimit(MAX_QUEUED, MAX_QUEUED_PER_CLIENT);
  const slots = createPrioritySemaphore(() => DOWNLOAD_SLOTS, YIELDED_SLOTS);
  const policies = createMirrorFilePolicies({
    rows,
    storedMirrorFiles,
    sources: mirrors.mirrorFileSources,
    slots,
    clock,
  });
  return {
    mirrorFileCache: createMirrorFileCache({
      storedFiles,
      storedMirrorFiles,
      rows,
      inUse,
      flights,
      absent,
      unreachable,
      queue,
      startDownload: ({ name, upstream, waiter }, stored) =>
        startDownload(policies.policyOf(name, stored, upstream, waiter.client), upstream, true),
      askHead: (key, { name, upstream, waiter }) =>
        heads.ask(key, queue, slots, waiter, (signal) => policies.askHead(name, upstream, signal)),
      clock,
      log,
    }),
    forgetFailures() {
      absent.clear();
      unreachable.clear();
    },
  };
}
