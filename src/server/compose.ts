/**
 * Composes the rooms into a server over one configuration: the only place that knows them all.
 */

import { composeActions } from "../actions/actions.ts";
import { createVerify } from "../actions/verify-files.ts";
import type { Actions } from "../api/actions.ts";
import { createHeads } from "../cache/heads.ts";
import { type Cache, createCache } from "../cache/lookup.ts";
import type { MirrorFileCache } from "../cache/mirror-files/lookup.ts";
import { createDistfileDownloads } from "../cache/miss.ts";
import { createNegativeCache } from "../cache/negative-cache.ts";
import { createPrefetch } from "../cache/prefetch.ts";
import { createReadAhead, type ReadAhead } from "../cache/read-ahead.ts";
import { recover } from "../cache/recover.ts";
import { createStartDownload } from "../cache/start-download.ts";
import { createStoredFiles } from "../cache/stored-files.ts";
import type { Config } from "../config/schema.ts";
import { createHasher } from "../distfile/hasher.ts";
import { type FileName, isMirrorPath } from "../distfile/mirror-path.ts";
import { createDownload } from "../fetch/download.ts";
import { createFlights } from "../fetch/flights.ts";
import { createLineCapacity } from "../fetch/parallelism.ts";
import { createPieceSize } from "../fetch/shared-reads.ts";
import type { DashboardFiles } from "../http/dashboard.ts";
import { createEvaluationRows } from "../index/evaluations.ts";
import type { Index } from "../index/open.ts";
import { isLogLong } from "../index/open.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { storeId } from "../index/store-id.ts";
import { createClientLimit } from "../lib/client-limit.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPrioritySemaphore } from "../lib/priority-semaphore.ts";
import { createRepositoryRefresh, unreadableNote } from "../repos/refresh.ts";
import type { ChosenSandbox } from "../repos/sandbox/choose.ts";
import { createFlush, createRequestStats } from "../status/request-stats.ts";
import type { MemoryCache } from "../store/memory-cache.ts";
import type { Store } from "../store/store.ts";
import { createLoopGuard } from "../upstream/loop-guard.ts";
import { createUpstreamClient, type UpstreamClient } from "../upstream/request.ts";
import { type App, composeApp } from "./compose-http.ts";
import { composeMirrorFiles } from "./compose-mirror-files.ts";
import { composeMirrors } from "./compose-mirrors.ts";
import { composeRepositories } from "./compose-repos.ts";
import { composeResolver, createFindSources } from "./compose-resolver.ts";
import { composeStore } from "./compose-store.ts";
import { upstreamSettings } from "./upstream-settings.ts";

/** Parts that whoever starts a server opens, and closes after it. */
export interface Parts {
  /** Its values may change; reconfigure() is called when they have. */
  readonly config: Config;
  readonly store: Store;
  readonly index: Index;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly sandbox: () => Promise<ChosenSandbox>;
  /** Undefined where it is not built. */
  readonly dashboard?: DashboardFiles | undefined;
  /** Scripts of the threads. */
  readonly hashWorkerUrl: string;
  readonly scanWorkerUrl: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a query finds the index damaged. */
  readonly onIndexDamage: () => void;
}

export interface Server {
  readonly app: App;
  readonly actions: Actions;
  /** Answers a request that came over the store's socket. */
  answerBySocket(request: Request): Response | Promise<Response>;
  /** Makes /healthz say that the server is shutting down, and ends the actions under way. */
  drain(): void;
  /** Resolves when the index agrees with the disk and the repositories have been read. */
  settle(): Promise<void>;
  /** Starts the work beside the requests; resolves when its first round is done. */
  startBackground(): Promise<void>;
  /** Applies a changed configuration to the parts that do not read it at each use. */
  reconfigure(): Promise<void>;
  /** Ends downloads and background work, and writes back what is only in memory. */
  stop(): Promise<void>;
}

/** Names that no repository knows, asked for at once: random names must not cost upstream much. */
const UNKNOWN_DOWNLOADS = 4;
/** Downloads of unknown names that take longer than asking does, beside those that hold a slot. */
const UNKNOWN_YIELDED_SLOTS = 28;
/** Downloads that trickle in, or run at the speed of slow clients with 5 MiB in memory each, beside those that hold a slot. */
const YIELDED_SLOTS = 32;
/** Files whose sources are found at once, in all and for one client: an ebuild without metadata takes up to 20 seconds. */
const RESOLVING = 256;
const RESOLVING_PER_CLIENT = 16;
/** Known names asked for by HEAD at once. */
const HEADS = 16;
/** Downloads that clients wait for, without a slot so far: more are refused, as these would be late anyway. */
const MAX_QUEUED = 2_000;
/** Downloads that one client may wait for at once: it may be the proxy of a whole network. */
const MAX_QUEUED_PER_CLIENT = 250;
/** The same for names that no repository knows, so that these never keep out others. */
const MAX_UNKNOWN_QUEUED = 1_000;
const MAX_UNKNOWN_QUEUED_PER_CLIENT = 125;
/** Actions have no deadline of their own, as sources have theirs: the longest timer that there is. */
const NO_DEADLINE_MS = 2 ** 31 - 1;
const LOG_EVERY_MS = 500;
/** Bodies that nobody requests leave memory after one to two periods: the disk serves few requests as well. */
const RELEASE_EVERY_MS = 15_000;
/** Released bytes that are worth a garbage collection (13 ms): an idle process makes none by itself. */
const WORTH_COLLECTING = 4 * 1024 * 1024;
const FLUSH_EVERY_MS = 5_000;
/** Repositories are rescanned this often even if no miss asks for it. */
const RESCAN_EVERY_MS = 15 * 60 * 1000;

/** Releases bodies that nobody requests, and returns the memory to the system. */
function releaseMemory(memoryCache: Pick<MemoryCache, "release">): void {
  if (memoryCache.release() >= WORTH_COLLECTING) Bun.gc(true);
}

/** The slots of downloads, and the places to wait for them: of names that a repository knows, of others, and of requests by HEAD. */
function createSlots(config: Config) {
  return {
    queue: createClientLimit(MAX_QUEUED, MAX_QUEUED_PER_CLIENT),
    unknownQueue: createClientLimit(MAX_UNKNOWN_QUEUED, MAX_UNKNOWN_QUEUED_PER_CLIENT),
    resolving: createPrioritySemaphore(() => RESOLVING, 0, RESOLVING_PER_CLIENT),
    downloads: createPrioritySemaphore(() => config.fetcher.max_downloads, YIELDED_SLOTS),
    unknownDownloads: createPrioritySemaphore(() => UNKNOWN_DOWNLOADS, UNKNOWN_YIELDED_SLOTS),
    headSlots: createPrioritySemaphore(() => HEADS, 0),
  };
}

/** Creates what looks files up for actions: nobody waits for them, so that they have no deadline. */
function createActionLookup(cache: Cache, mirrorFileCache: MirrorFileCache, upstream: UpstreamClient) {
  const waiter = { client: undefined, signal: new AbortController().signal };
  const request = { method: "GET", upstream, waiter } as const;
  return (name: FileName) =>
    isMirrorPath(name)
      ? mirrorFileCache.lookup({ ...request, name, directives: new Map() }, NO_DEADLINE_MS)
      : cache.lookup({ ...request, name, aliases: [], content: undefined }, NO_DEADLINE_MS);
}

/** Starts the timers, and returns what stops them. */
function startTimers(work: readonly (readonly [everyMs: number, () => void])[]): () => void {
  const timers = work.map(([everyMs, run]) => setInterval(run, everyMs));
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

export function compose(parts: Parts): Server {
  const { config, store, index, clock, log } = parts;
  const settings = upstreamSettings(config, parts.userAgent, clock);
  const repositoryRows = createRepositoryRows(index.db);
  const hasher = createHasher(parts.hashWorkerUrl);
  const flights = createFlights({ clock, log });
  const guard = createLoopGuard(storeId(index.db));
  const ownUpstream = createUpstreamClient(settings, guard.headersFor(undefined));
  const stats = createRequestStats(index.db, config, clock);
  const negativeCache = createNegativeCache(() => config.fetcher.negative_ttl, clock);
  const configuredRepositories = composeRepositories({ ...parts, rows: repositoryRows });
  const { scans } = configuredRepositories;
  const { hosts, mirrors } = composeMirrors({
    config,
    db: index.db,
    upstream: ownUpstream,
    waits: settings.hostGate,
    clock,
    log,
  });
  const wantedBy = (name: FileName) => repositoryRows.entriesByName(name);
  const resolver = composeResolver({
    evaluate: config.repo.evaluate,
    wantedBy,
    entriesOf: repositoryRows.entriesOf,
    discovered: configuredRepositories.discovered,
    rows: createEvaluationRows(index.db),
    mirrors,
    hosts,
    sandbox: parts.sandbox,
    clock,
    log,
  });

  function forgetFailures(): void {
    negativeCache.clear();
    mirrorFiles.forgetFailures();
    resolver.forgetFailures();
  }

  const { onRepositoriesChanged, refreshRepositories } = createRepositoryRefresh(scans, clock, forgetFailures);
  const composedStore = composeStore({
    storage: () => config.storage,
    mirrors: () => config.fetcher.mirrors,
    store,
    db: index.db,
    repositoriesRevision: () => repositoryRows.revision,
    configuredRepositories,
    hosts,
    onCleaned: stats.counters.countEvicted,
    clock,
    log,
  });
  const { rows, recentHits, memoryCache, eviction, inUse } = composedStore;
  const storedFiles = createStoredFiles({ store, rows, hasher, clock, log });
  const findSources = stats.counters.measureResolving(createFindSources(config, resolver, mirrors));
  const limits = {
    get connections() {
      return config.fetcher.connections_per_file;
    },
    lineCapacity: createLineCapacity(clock),
  };
  const pieceSize = createPieceSize();
  const heads = createHeads(clock);
  const startDownload = createStartDownload({
    download: (plan, upstream) => createDownload(plan, upstream, { hasher, pieceSize, limits, clock, log }),
    store,
    rows,
    reserve: composedStore.reserve,
    storeTakesFiles: () => composedStore.degradedReason() === undefined,
    onStoreTrouble: composedStore.onTrouble,
    inUse,
    fetchHistory: stats.fetchHistory,
    clock,
    log,
  });
  const distfileDownloads = createDistfileDownloads({
    startDownload,
    flights,
    negativeCache,
    rows,
    findSources,
    heads,
    ...createSlots(config),
    clock,
    log,
  });
  const prefetch = createPrefetch({
    distfileDownloads,
    flights,
    negativeCache,
    store,
    wantedBy,
    upstream: ownUpstream,
  });
  const readAhead = createReadAhead({
    get maxDownloads() {
      const { read_ahead, max_downloads } = config.fetcher;
      return Math.min(read_ahead, Math.max(1, Math.floor(max_downloads / 2)));
    },
    siblings: (name, content) => resolver.siblings(name, content),
    room: () => eviction.spareBytes(config.fetcher.max_downloads),
    prefetch,
    log,
  });

  function createDistfileCache(ahead: Pick<ReadAhead, "missed" | "served">): Cache {
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
      repositoriesScanned: configuredRepositories.scanned,
      unreadableNote: () => unreadableNote(scans.status()),
      get unknown() {
        return config.fetcher.unknown;
      },
      distfileDownloads,
      clock,
      log,
    });
  }

  const cache = createDistfileCache(readAhead);
  const mirrorFiles = composeMirrorFiles({
    storedFiles,
    rows,
    mirrors,
    startDownload,
    flights,
    heads,
    inUse,
    negativeTtlMs: () => config.fetcher.negative_ttl,
    clock,
    log,
  });
  const verify = createVerify({ store, rows, hasher, wantedBy, prefetch, clock, log });

  const flushMemory = createFlush([composedStore.clockWatch, rows, hosts, stats], log);
  // A user who names files wants these and no others, so nothing is read ahead.
  const exactCache = createDistfileCache({ missed: () => undefined, served: () => undefined });
  const composedActions = composeActions({
    lookup: createActionLookup(exactCache, mirrorFiles.mirrorFileCache, ownUpstream),
    flights,
    store,
    rows,
    storedFiles,
    hasher,
    clock,
    wantedBy,
    eviction,
    verify,
    configuredRepositories,
    resolver,
    entriesOf: repositoryRows.entriesOf,
    maxDownloads: () => config.fetcher.max_downloads,
    refreshRepositories,
    onRepositoriesChanged,
  });
  let draining = false;
  let stopTimers: () => void = () => undefined;
  const { app, answerBySocket, closeEvents } = composeApp({
    cache,
    mirrorFileCache: mirrorFiles.mirrorFileCache,
    memoryCache,
    store,
    rows,
    flights,
    clock,
    log,
    refreshRepositories,
    actions: composedActions.actions,
    stats,
    config,
    db: index.db,
    repositories: repositoryRows,
    repositoryStatus: scans.status,
    discoveredRepositories: configuredRepositories.discovered,
    repositoriesScanned: configuredRepositories.scanned,
    hosts,
    readAhead,
    composedStore,
    unverifiedReason: configuredRepositories.unverifiedReason,
    loopGuard: guard,
    settings,
    dashboard: parts.dashboard,
    isDraining: () => draining,
    onIndexDamage: parts.onIndexDamage,
  });

  async function settle(): Promise<void> {
    await Promise.all([recover(store, rows, clock, log), scans.ready]);
  }

  return {
    app,
    settle,
    actions: composedActions.actions,
    answerBySocket,
    drain() {
      draining = true;
      closeEvents();
      composedActions.stop("The server is shutting down");
    },
    async startBackground() {
      stopTimers = startTimers([
        [FLUSH_EVERY_MS, flushMemory],
        [RELEASE_EVERY_MS, () => releaseMemory(memoryCache)],
        [LOG_EVERY_MS, () => isLogLong(index.path) && hasher.checkpoint(index.path)],
        [RESCAN_EVERY_MS, () => void scans.rescan().then(onRepositoriesChanged)],
      ]);
      configuredRepositories.start();
      await settle();
      composedStore.start(verify);
    },
    async reconfigure() {
      await configuredRepositories.reconfigure();
      // New mirrors and repositories may have what was absent before.
      forgetFailures();
    },
    async stop() {
      stopTimers();
      await configuredRepositories.stop();
      readAhead.stop();
      await composedStore.stop();
      await flights.stop(new Error("portcache is shutting down"));
      hasher.close();
      flushMemory();
    },
  };
}
