/**
 * Puts together the cache of mirror files: what their downloads and look-ups need.
 */
import { createMirrorFileCache, type MirrorFileCache, type MirrorFileCacheDeps } from "../cache/mirror-files/lookup.ts";
import { askHead, type MirrorFileDownloadDeps, startMirrorFileDownload } from "../cache/mirror-files/start-download.ts";
import { createStoredMirrorFiles } from "../cache/mirror-files/stored-files.ts";
import { createNegativeCache } from "../cache/negative-cache.ts";
import type { BeginDeps } from "../cache/start-download.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";

export interface MirrorFileParts
  extends Pick<MirrorFileCacheDeps, "storedFiles" | "flights" | "inUse" | "clock" | "log"> {
  readonly storedFiles: MirrorFileCacheDeps["storedFiles"] &
    Parameters<typeof createStoredMirrorFiles>[0]["storedFiles"];
  readonly mirrors: Mirrors;
  /** What distfiles are downloaded with. */
  readonly downloadDeps: BeginDeps;
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
  const { storedFiles, mirrors, downloadDeps, flights, inUse, clock, log } = parts;
  const { rows } = downloadDeps;
  const storedMirrorFiles = createStoredMirrorFiles({ storedFiles, rows, clock, log });
  const absent = createNegativeCache(parts.negativeTtlMs, clock);
  const unreachable = createNegativeCache(() => UNREACHABLE_MS, clock);
  const deps: MirrorFileDownloadDeps = {
    ...downloadDeps,
    storedMirrorFiles,
    sources: mirrors.mirrorFileSources,
    slots: createSemaphore(DOWNLOAD_SLOTS),
  };
  return {
    mirrorFileCache: createMirrorFileCache({
      storedFiles,
      storedMirrorFiles,
      rows,
      inUse,
      flights,
      absent,
      unreachable,
      startDownload: ({ name, upstream }, stored) => startMirrorFileDownload(name, stored, upstream, deps),
      askHead: ({ name, upstream }) => askHead(name, upstream, deps),
      clock,
      log,
    }),
    forgetFailures() {
      absent.clear();
      unreachable.clear();
    },
  };
}
