/**
 * Composes the rooms into a server over one configuration: the only place that knows them all.
 */
import { composeActions } from "../actions/actions.ts";
import { createVerify } from "../actions/verify-files.ts";
import type { Actions } from "../api/actions.ts";
import { createHeads } from "../cache/heads.ts";
import type { Cache } from "../cache/lookup.ts";
import type { MirrorFileCache } from "../cache/mirror-files/lookup.ts";
import { recover } from "../cache/recover.ts";
import { createStartDownload } from "../cache/start-download.ts";
import { createStoredFiles } from "../cache/stored-files.ts";
import type { Config } from "../config/schema.ts";
import { createHasher } from "../distfile/hasher.ts";
import { type FileName, isMirrorPath } from "../distfile/mirror-path.ts";
import { createDownload } from "../fetch/download.ts";
import { createFlights } from "../fetch/flights.ts";
import { createLineCapacity } from "../fetch/parallelism.ts";
import { createLargeBuffers } from "../fetch/passthrough-buffer.ts";
import type { SegmentLimits } from "../fetch/segments.ts";
import { createPieceSize } from "../fetch/shared-reads.ts";
import type { DashboardFiles } from "../http/dashboard.ts";
import { createEvaluationRows } from "../index/evaluations.ts";
import type { Index } from "../index/open.ts";
import { isLogLong } from "../index/open.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { storeId } from "../index/store-id.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createRepositoryRefresh, unreadableNote } from "../repos/refresh.ts";
import type { ChosenSandbox } from "../repos/sandbox/choose.ts";
import { createFlush, createRequestStats } from "../status/request-stats.ts";
import { createApiState } from "../status/server-status.ts";
import type { MemoryCache } from "../store/memory-cache.ts";
import type { Store } from "../store/store.ts";
import { createLoopGuard } from "../upstream/loop-guard.ts";
import { createUpstreamClient, type UpstreamClient } from "../upstream/request.ts";
import { composeDistfiles } from "./compose-distfiles.ts";
import { type App, composeApp } from "./compose-http.ts";
import { composeMirrorFiles } from "./compose-mirror-files.ts";
import { composeMirrors } from "./compose-mirrors.ts";
import { composeRepositories } from "./compose-repos.ts";
import { composeResolver, createFindSources } from "./compose-resolver.ts";
import { composeStore } from "./compose-store.ts";
import { upstreamSettings } from "./upstream-settings.ts";

/** Parts that the caller opens before, and closes after the server. */
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

/** Actions have no deadline of their own, as sources have theirs: the longest timer that there is. */
const NO_DEADLINE_MS = 2 ** 31 - 1;
const LOG_EVERY_MS = 500;
/** Bodies that nobody requests leave memory after one to two periods: the disk serves few requests as well. */
const RELEASE_EVERY_MS = 15_000;
/** Released bytes that are worth a garbage collection (13 ms): an idle process makes none by itself. */
const WORTH_COLLECTING = 4 * 1024 * 1024;
const FLUSH_EVERY_MS = 5_000;
/** Repositories are rescanned this often even if no miss asks for it. */
/** After a recovery that failed. */
const RECOVER_EVERY_MS = 60_000;
const RESCAN_EVERY_MS = 15 * 60 * 1000;

/** Releases bodies that nobody requests, and returns the memory to the system. */
function releaseMemory(memoryCache: Pick<MemoryCache, "release">): void {
  if (memoryCache.release() >= WORTH_COLLECTING) Bun.gc(true);
}

/** Returns how many sources one file may come from, read from the configuration each time. */
function segmentLimits({ fetcher }: Pick<Config, "fetcher">, clock: Clock): SegmentLimits {
  return {
    get connections() {
      return fetcher.connections_per_file;
    },
    lineCapacity: createLineCapacity(clock),
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

/** Returns all reasons why the server is degraded, a sentence part; undefined where there is none. */
function joinReasons(
  storeReason: () => string | undefined,
  unverifiedReason: () => string | undefined,
  indexReason: () => string | undefined,
): () => string | undefined {
  return () => {
    const unverified = unverifiedReason();
    const indexed = indexReason();
    const reasons = [
      storeReason(),
      unverified === undefined ? undefined : `nothing is verified: ${unverified}`,
      indexed === undefined ? undefined : `the index takes no notes: ${indexed}`,
    ];
    return reasons.filter((reason) => reason !== undefined).join("; ") || undefined;
  };
}

/**
 * Returns a function that recovers the store, and when called later does so again where that failed, as on a full disk: meanwhile
 * files are served, and clean-up runs.
 */
function createBackgroundRecovery(recoverStore: () => Promise<void>, log: Logger): () => Promise<void> {
  let recovering: Promise<void> | undefined;
  let triedBefore = false;
  return () => {
    recovering ??= recoverStore().catch((error: unknown) => {
      if (!triedBefore) log.error("Cannot finish the recovery of the store, and try again later: {error}", { error });
      triedBefore = true;
      recovering = undefined;
    });
    return recovering;
  };
}

/** Starts the timers, and returns what stops them. */
function startTimers(work: readonly (readonly [everyMs: number, () => void])[]): () => void {
  const timers = work.map(([everyMs, run]) => setInterval(run, everyMs));
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** Creates each part after those that it needs: repositories, mirrors, the store, downloads, both caches, actions, HTTP. */
export function compose(parts: Parts): Server {
  const { config, store, index, clock, log } = parts;
  const { db } = index;
  const repositoryRows = createRepositoryRows(db);
  const { entriesByName: wantedBy, entriesByDigest: wantedByDigest, entriesOf } = repositoryRows;
  const hasher = createHasher(parts.hashWorkerUrl);
  const stats = createRequestStats(db, config, clock, () => composedStore.wasClockSet());
  const flights = createFlights({ clock, log });
  const heads = createHeads(clock);
  const loopGuard = createLoopGuard(storeId(db));
  const settings = upstreamSettings(config, parts.userAgent, clock);
  const ownUpstream = createUpstreamClient(settings, loopGuard.headersFor(undefined));

  const configuredRepositories = composeRepositories({
    config,
    manifestsPath: index.manifestsPath,
    rows: repositoryRows,
    onIndexDamage: parts.onIndexDamage,
    scanWorkerUrl: parts.scanWorkerUrl,
    environment: parts.environment,
    clock,
    log,
  });
  const { scans, discovered, scanned: repositoriesScanned } = configuredRepositories;
  const { onRepositoriesChanged, refreshRepositories } = createRepositoryRefresh(scans, clock, forgetFailures);
  const waits = settings.hostGate;
  const { hosts, mirrors } = composeMirrors({ config, db, upstream: ownUpstream, waits, clock, log });
  const resolver = composeResolver({
    evaluate: config.repo.evaluate,
    wantedBy,
    entriesOf,
    discovered,
    rows: createEvaluationRows(db),
    mirrors,
    hosts,
    sandbox: parts.sandbox,
    clock,
    log,
  });

  const composedStore = composeStore({
    storage: () => config.storage,
    mirrors: () => config.fetcher.mirrors,
    store,
    db,
    repositoriesRevision: () => repositoryRows.revision,
    configuredRepositories,
    hosts,
    onCleaned: stats.counters.countEvicted,
    clock,
    log,
  });
  const { rows, recentHits, memoryCache, eviction, inUse } = composedStore;
  const storedFiles = createStoredFiles({ store, rows, hasher, clock, log });
  const downloadDeps = {
    hasher,
    pieceSize: createPieceSize(),
    largeBuffers: createLargeBuffers(),
    limits: segmentLimits(config, clock),
    clock,
    log,
  };
  const startDownload = createStartDownload({
    download: (plan, upstream) => createDownload(plan, upstream, downloadDeps),
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

  const distfiles = composeDistfiles({
    fetcher: config.fetcher,
    store,
    rows,
    storedFiles,
    recentHits,
    memoryCache,
    inUse,
    spareBytes: eviction.spareBytes,
    flights,
    heads,
    startDownload,
    findSources: stats.counters.measureResolving(createFindSources(config, resolver, mirrors)),
    siblings: resolver.siblings,
    wantedBy,
    refreshRepositories,
    repositoriesScanned,
    unreadableNote: () => unreadableNote(scans.status()),
    upstream: ownUpstream,
    clock,
    log,
  });
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
  const { mirrorFileCache } = mirrorFiles;
  const { prefetch, readAhead } = distfiles;

  const verify = createVerify({ store, rows, hasher, wantedBy, prefetch, clock, log });
  const composedActions = composeActions({
    lookup: createActionLookup(distfiles.exactCache, mirrorFileCache, ownUpstream),
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
    entriesOf,
    maxDownloads: () => config.fetcher.max_downloads,
    refreshRepositories,
    onRepositoriesChanged,
  });
  const { actions } = composedActions;

  let draining = false;
  const unavailableReason = () => (draining ? "shutting down" : undefined);
  const memory = createFlush([composedStore.clockWatch, rows, hosts, stats], log);
  const indexProblem = () =>
    index.refused === undefined ? memory.problem() : `${index.refused}, until the next start`;
  const degradedReason = joinReasons(
    composedStore.degradedReason,
    configuredRepositories.unverifiedReason,
    indexProblem,
  );
  const state = createApiState({
    stats,
    config,
    db,
    rows,
    repositories: repositoryRows,
    repositoryStatus: scans.status,
    discoveredRepositories: discovered,
    repositoriesScanned,
    hosts,
    store,
    flights,
    readAhead,
    unavailableReason,
    degradedReason,
    eviction,
    clock,
  });
  const { app, answerBySocket, closeEvents } = composeApp({
    settings: config.server,
    cache: distfiles.cache,
    mirrorFileCache,
    memoryCache,
    wantedByDigest,
    refreshRepositories,
    upstreamFor: ({ headers }) => createUpstreamClient(settings, loopGuard.headersFor(headers)),
    isLoop: loopGuard.isLoop,
    actions,
    state,
    stats,
    indexPath: index.path,
    dashboard: parts.dashboard,
    unavailableReason,
    degradedReason,
    onIndexDamage: parts.onIndexDamage,
    clock,
    log,
  });
  let stopTimers: () => void = () => undefined;

  function forgetFailures(): void {
    distfiles.forgetFailures();
    mirrorFiles.forgetFailures();
    resolver.forgetFailures();
  }

  const recoverStore = () => recover(store, rows, clock, log);
  const recoverInBackground = createBackgroundRecovery(recoverStore, log);

  return {
    app,
    async settle() {
      await Promise.all([recoverStore(), scans.ready]);
    },
    actions,
    answerBySocket,
    drain() {
      draining = true;
      closeEvents();
      composedActions.stop("The server is shutting down");
    },
    async startBackground() {
      stopTimers = startTimers([
        [FLUSH_EVERY_MS, memory.flush],
        [RELEASE_EVERY_MS, () => releaseMemory(memoryCache)],
        [LOG_EVERY_MS, () => isLogLong(index.path) && hasher.checkpoint(index.path)],
        [RECOVER_EVERY_MS, () => void recoverInBackground()],
        [RESCAN_EVERY_MS, () => void scans.rescan().then(onRepositoriesChanged)],
      ]);
      configuredRepositories.start();
      await Promise.all([recoverInBackground(), scans.ready]);
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
      memory.flush();
    },
  };
}
