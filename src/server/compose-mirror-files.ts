/**
 * Puts together the cache of mirror files: what their downloads and look-ups need.
 */

import type { Heads } from "../cache/heads.ts";
import { createMirrorFilePolicies } from "../cache/mirror-files/download-policy.ts";
import { createMirrorFileCache, type MirrorFileCache, type MirrorFileCacheDeps } from "../cache/mirror-files/lookup.ts";
import { createStoredMirrorFiles } from "../cache/mirror-files/stored-files.ts";
import { createNegativeCache } from "../cache/negative-cache.ts";
import type { StartDownload } from "../cache/start-download.ts";
import type { FileRows } from "../index/files.ts";
import { createClientLimit } from "../lib/client-limit.ts";
import { createPrioritySemaphore } from "../lib/priority-semaphore.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";

export interface MirrorFileParts
  extends Pick<MirrorFileCacheDeps, "storedFiles" | "flights" | "inUse" | "clock" | "log"> {
  readonly storedFiles: MirrorFileCacheDeps["storedFiles"] &
    Parameters<typeof createStoredMirrorFiles>[0]["storedFiles"];
  readonly mirrors: Mirrors;
  readonly rows: FileRows;
  readonly startDownload: StartDownload;
  readonly heads: Heads;
  readonly negativeTtlMs: () => number;
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

export function composeMirrorFiles(parts: MirrorFileParts): ComposedMirrorFiles {
  const { storedFiles, rows, mirrors, startDownload, flights, heads, inUse, clock, log } = parts;
  const storedMirrorFiles = createStoredMirrorFiles({ storedFiles, rows, isOfMirror: mirrors.haveUrl, clock, log });
  const absent = createNegativeCache(parts.negativeTtlMs, clock);
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
