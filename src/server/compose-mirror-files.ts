/**
 * Puts together the cache of mirror files: what their downloads and look-ups need.
 */
import { createMirrorFilePolicies } from "../cache/mirror-files/download-policy.ts";
import { createMirrorFileCache, type MirrorFileCache, type MirrorFileCacheDeps } from "../cache/mirror-files/lookup.ts";
import { createStoredMirrorFiles } from "../cache/mirror-files/stored-files.ts";
import { createNegativeCache } from "../cache/negative-cache.ts";
import type { StartDownload } from "../cache/start-download.ts";
import type { FileRows } from "../index/files.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";

export interface MirrorFileParts
  extends Pick<MirrorFileCacheDeps, "storedFiles" | "flights" | "inUse" | "clock" | "log"> {
  readonly storedFiles: MirrorFileCacheDeps["storedFiles"] &
    Parameters<typeof createStoredMirrorFiles>[0]["storedFiles"];
  readonly mirrors: Mirrors;
  readonly rows: FileRows;
  readonly startDownload: StartDownload;
  readonly negativeTtlMs: () => number;
}

export interface ComposedMirrorFiles {
  readonly mirrorFileCache: MirrorFileCache;
  /** Forgets what came in vain: other mirrors may have what these had not. */
  forgetFailures(): void;
}

/** Paths that no mirror has must not cost upstream much either; a slot is taken for as long as a transfer takes. */
const DOWNLOAD_SLOTS = 16;
/** Where no mirror could be asked, stored files are served without asking for so long. */
const UNREACHABLE_MS = 15_000;

export function composeMirrorFiles(parts: MirrorFileParts): ComposedMirrorFiles {
  const { storedFiles, rows, mirrors, startDownload, flights, inUse, clock, log } = parts;
  const storedMirrorFiles = createStoredMirrorFiles({ storedFiles, rows, clock, log });
  const absent = createNegativeCache(parts.negativeTtlMs, clock);
  const unreachable = createNegativeCache(() => UNREACHABLE_MS, clock);
  const policies = createMirrorFilePolicies({
    rows,
    storedMirrorFiles,
    sources: mirrors.mirrorFileSources,
    slots: createSemaphore(DOWNLOAD_SLOTS),
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
      startDownload: ({ name, upstream }, stored) =>
        startDownload(policies.policyOf(name, stored, upstream), upstream, true),
      askHead: ({ name, upstream }) => policies.askHead(name, upstream),
      clock,
      log,
    }),
    forgetFailures() {
      absent.clear();
      unreachable.clear();
    },
  };
}
