/**
 * Puts together what downloads of all files need: those under way, the hashing threads, and the way into the store.
 */
import { createHeads, type Heads } from "../cache/heads.ts";
import { createStartDownload, type StartDownload } from "../cache/start-download.ts";
import { createStoredFiles, type StoredFiles } from "../cache/stored-files.ts";
import type { Config } from "../config/schema.ts";
import { createHasher, type Hasher } from "../distfile/hasher.ts";
import { createDiskPace } from "../fetch/disk-pace.ts";
import { createDownload } from "../fetch/download.ts";
import { createFailureLines } from "../fetch/failure-lines.ts";
import { createFlights, type Flights } from "../fetch/flights.ts";
import { createHeldMemory } from "../fetch/held-bytes.ts";
import { createLargeBuffers } from "../fetch/passthrough-buffer.ts";
import { createPieceSize } from "../fetch/shared-reads.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { RequestStats } from "../status/request-stats.ts";
import type { Store } from "../store/store.ts";
import type { ComposedStore } from "./compose-store.ts";
import { downloadLimits } from "./download-limits.ts";

export interface DownloadsParts {
  /** Values may change. */
  readonly config: Pick<Config, "fetcher">;
  readonly store: Store;
  /** Script of the hashing threads. */
  readonly hashWorkerUrl: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ComposedDownloads {
  readonly hasher: Hasher;
  readonly flights: Flights;
  readonly heads: Heads;
  readonly storedFiles: StoredFiles;
  readonly startDownload: StartDownload;
  /** Returns how many bytes all downloads together may receive in a second; undefined for no limit. */
  readonly maxRate: () => number | undefined;
}

export function composeDownloads(
  { config, store, hashWorkerUrl, clock, log }: DownloadsParts,
  storage: ComposedStore,
  { fetchHistory }: Pick<RequestStats, "fetchHistory">,
): ComposedDownloads {
  const { rows, room, inUse } = storage;
  const hasher = createHasher(hashWorkerUrl);
  const { maxRate, limits, rateLimit } = downloadLimits(config, clock);
  const downloadDeps = {
    hasher,
    pieceSize: createPieceSize(),
    diskPace: createDiskPace(),
    heldMemory: createHeldMemory(),
    largeBuffers: createLargeBuffers(),
    limits,
    rateLimit,
    failureLines: createFailureLines(clock, log),
    clock,
    log,
  };
  return {
    hasher,
    maxRate,
    flights: createFlights({ clock, log }),
    heads: createHeads(clock),
    storedFiles: createStoredFiles({ store, rows, hasher, clock, log }),
    startDownload: createStartDownload({
      download: (plan, upstream) => createDownload(plan, upstream, downloadDeps),
      store,
      rows,
      room,
      storeTakesFiles: () => storage.degradedReason() === undefined,
      onStoreTrouble: storage.onTrouble,
      inUse,
      fetchHistory,
      clock,
      log,
    }),
  };
}
