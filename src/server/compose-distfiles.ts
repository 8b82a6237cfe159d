/**
 * Puts together the cache of distfiles: the slots and queues of its downloads, and what is fetched ahead.
 */
import { type Cache, type CacheDeps, createCache } from "../cache/lookup.ts";
import { createDistfileDownloads } from "../cache/miss.ts";
import { createNegativeCache } from "../cache/negative-cache.ts";
import { createPrefetch, type Prefetch } from "../cache/prefetch.ts";
import { createReadAhead, type ReadAhead } from "../cache/read-ahead.ts";
import type { Config } from "../config/schema.ts";
import { createClientLimit } from "../lib/client-limit.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPrioritySemaphore, heldAtLeast, LONG_TASK_BYTES } from "../lib/priority-semaphore.ts";
import { createManifestCheck } from "../repos/manifest-check.ts";
import { unreadableNote } from "../repos/refresh.ts";
import type { Store } from "../store/store.ts";
import type { ComposedDownloads } from "./compose-downloads.ts";
import type { ComposedRepositories } from "./compose-repos.ts";
import type { ComposedSources } from "./compose-sources.ts";
import type { ComposedStore } from "./compose-store.ts";
import type { ComposedUpstream } from "./compose-upstream.ts";

export interface DistfilesParts {
  /** Values may change. */
  readonly config: Pick<Config, "fetcher">;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is composed before. */
export interface DistfilesNeeds {
  readonly upstream: ComposedUpstream;
  readonly repositories: ComposedRepositories;
  readonly sources: ComposedSources;
  readonly storage: ComposedStore;
  readonly downloads: ComposedDownloads;
}

export interface ComposedDistfiles {
  readonly cache: Cache;
  /** Fetches the file that is looked up and nothing ahead, for users who name the files that they want. */
  readonly exactCache: Cache;
  readonly prefetch: Prefetch;
  readonly readAhead: ReadAhead;
  /** Forgets which files no source had. */
  forgetFailures(): void;
}

/** Names that no repository knows, asked for at once: random names must not cost upstream much. */
const UNKNOWN_DOWNLOADS = 4;
/** Most of them are asked for in vain: all together no more than 200 a second, and from mirrors that are no nearer it makes no difference. */
const MIN_UNKNOWN_MS = 20;
/** Downloads of unknown names that take longer than asking does, beside those that hold a slot. */
const UNKNOWN_YIELDED_SLOTS = 28;
/** Downloads that trickle in, or run at the speed of slow clients with bytes in memory, beside those that hold a slot. */
const YIELDED_SLOTS = 32;
/** Sources close connections from which nothing is taken for long: of a limited rate, each download gets this much at least. */
const LEAST_BYTES_PER_SECOND = 8 * 1024;
/** Under a limited rate a download is long where it takes all of the rate for more than this: short ones in all slots take a second. */
const LONG_SECONDS = 1 / 16;
/** Files whose sources are found at once, in all and for one client: an ebuild without metadata takes up to 20 seconds. */
const RESOLVING = 256;
const RESOLVING_PER_CLIENT = 16;
/** Known names asked for by HEAD at once. */
const HEADS = 16;
/** Downloads that clients wait for, without a slot so far: more are refused, as these would be late anyway. */
const MAX_QUEUED = 2_000;
/** Downloads that one client may wait for at once: it may be the proxy of a whole network. */
const MAX_QUEUED_PER_CLIENT = 250;
/** Limits for names that no repository knows, so that these never keep out others. */
const MAX_UNKNOWN_QUEUED = 1_000;
const MAX_UNKNOWN_QUEUED_PER_CLIENT = 125;

/** Returns how many files are downloaded at once. */
function downloadSlots(maxDownloads: number, maxRate: number | undefined): number {
  if (maxRate === undefined) return maxDownloads;
  return Math.min(maxDownloads, Math.max(1, Math.floor(maxRate / LEAST_BYTES_PER_SECOND)));
}

export function composeDistfiles(
  { config, store, clock, log }: DistfilesParts,
  { upstream, repositories, sources, storage, downloads }: DistfilesNeeds,
): ComposedDistfiles {
  const { fetcher } = config;
  const { rows, recentHits, memoryCache, inUse } = storage;
  const { flights, heads, storedFiles, startDownload, maxRate } = downloads;
  const wantedBy = repositories.rows.entriesByName;
  const { refreshRepositories, refreshRepository } = repositories.refresh;
  const outdatedRepository = createManifestCheck(repositories.rows.stampOf);
  const negativeCache = createNegativeCache(() => fetcher.negative_ttl, clock);
  const distfileDownloads = createDistfileDownloads({
    startDownload,
    flights,
    negativeCache,
    rows,
    wantedBy,
    outdatedRepository,
    findSources: sources.findSources,
    heads,
    queue: createClientLimit(MAX_QUEUED, MAX_QUEUED_PER_CLIENT),
    unknownQueue: createClientLimit(MAX_UNKNOWN_QUEUED, MAX_UNKNOWN_QUEUED_PER_CLIENT),
    resolving: createPrioritySemaphore(() => RESOLVING, 0, RESOLVING_PER_CLIENT),
    downloads: createPrioritySemaphore(
      () => downloadSlots(fetcher.max_downloads, maxRate()),
      YIELDED_SLOTS,
      undefined,
      undefined,
      () => Math.min(LONG_TASK_BYTES, LONG_SECONDS * (maxRate() ?? Number.POSITIVE_INFINITY)),
    ),
    unknownDownloads: heldAtLeast(
      createPrioritySemaphore(() => UNKNOWN_DOWNLOADS, UNKNOWN_YIELDED_SLOTS),
      MIN_UNKNOWN_MS,
    ),
    headSlots: createPrioritySemaphore(() => HEADS, 0),
    clock,
    log,
  });
  const prefetch = createPrefetch({
    distfileDownloads,
    flights,
    negativeCache,
    store,
    wantedBy,
    upstream: upstream.own,
  });
  const readAhead = createReadAhead({
    get maxDownloads() {
      return Math.min(fetcher.read_ahead, Math.max(1, Math.floor(fetcher.max_downloads / 2)));
    },
    siblings: sources.resolver.siblings,
    spareBytes: () => storage.eviction.spareBytes(fetcher.max_downloads),
    prefetch,
    log,
  });

  const { discovered, scans } = repositories.configured;

  function createCacheWith(ahead: CacheDeps["readAhead"]): Cache {
    return createCache({
      storedFiles,
      recentHits,
      memoryCache,
      rows,
      inUse,
      readAhead: ahead,
      flights,
      wantedBy,
      refreshRepositories,
      refreshRepository,
      outdatedRepository,
      repositoriesScanned: repositories.configured.scanned,
      unreadableNote: () => unreadableNote(discovered().problems, scans.status()),
      get unknown() {
        return fetcher.unknown;
      },
      distfileDownloads,
      clock,
      log,
    });
  }

  return {
    cache: createCacheWith(readAhead),
    exactCache: createCacheWith({ missed: () => undefined, served: () => undefined }),
    prefetch,
    readAhead,
    forgetFailures: negativeCache.clear,
  };
}
