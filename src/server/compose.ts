/**
 * Composes the server over one configuration, each part after those that it needs.
 */

import type { Actions } from "../api/actions.ts";
import { recover } from "../cache/recover.ts";
import type { Config } from "../config/schema.ts";
import { createHasher } from "../distfile/hasher.ts";
import type { CleanUpReport } from "../eviction/evict.ts";
import type { DashboardFiles } from "../http/dashboard.ts";
import { type Index, isLogLong } from "../index/open.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { maskCredentials } from "../lib/url.ts";
import type { ChosenSandbox } from "../repos/sandbox/choose.ts";
import { createFlush, createRequestStats } from "../status/request-stats.ts";
import type { Store } from "../store/store.ts";
import { createBackground } from "./background.ts";
import { composeActions } from "./compose-actions.ts";
import { composeDistfiles } from "./compose-distfiles.ts";
import { composeDownloads } from "./compose-downloads.ts";
import { type App, composeApp } from "./compose-http.ts";
import { composeMirrorFiles } from "./compose-mirror-files.ts";
import { composeRepositories } from "./compose-repos.ts";
import { composeSources } from "./compose-sources.ts";
import { composeState } from "./compose-state.ts";
import { composeStore } from "./compose-store.ts";
import { composeUpstream } from "./compose-upstream.ts";
import { createHealth } from "./health.ts";
import { createRequestHistory } from "./request-history-thread.ts";
import type { StartFacts } from "./start-report.ts";

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
  readonly importWorkerUrl: string;
  readonly historyWorkerUrl: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a query finds the index damaged. */
  readonly onIndexDamage: () => void;
}

export interface Server {
  readonly app: App;
  readonly actions: Actions;
  /** Returns what is known at the start, to be shown to people. */
  startFacts(): Omit<StartFacts, "url">;
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

/** Checks an index that is too large to be checked at the start, in a thread of its own: it keeps that one busy for seconds. */
async function checkIndex({ index, hashWorkerUrl, onIndexDamage }: Parts): Promise<void> {
  const thread = createHasher(hashWorkerUrl);
  if (!(await thread.isWhole(index.path))) onIndexDamage();
  thread.close();
}

/** Creates the parts from what needs nothing to what answers requests. Functions are called when all are there. */
export function compose(parts: Parts): Server {
  const { config, store, index, clock, log } = parts;
  const requestHistory = createRequestHistory({
    workerUrl: parts.historyWorkerUrl,
    path: `${config.storage.location}/requests.sqlite`,
    keepMs: () => (config.server.client_statistics ? config.log.requests : 0),
    clock,
    log,
  });
  const stats = createRequestStats(index.db, config, clock, () => storage.wasClockSet(), requestHistory);
  const upstream = composeUpstream(parts);
  const repositories = composeRepositories(parts, forgetFailures);
  const sources = composeSources(parts, upstream, repositories, stats.counters);
  const { hosts, mirrors, resolver } = sources;
  const storage = composeStore(parts, repositories, hosts, onCleaned);
  const downloads = composeDownloads(parts, storage, stats);
  const distfiles = composeDistfiles(parts, { upstream, repositories, sources, storage, downloads });
  const mirrorFiles = composeMirrorFiles(parts, storage, downloads, mirrors);
  const { mirrorFileCache } = mirrorFiles;

  const {
    actions,
    kept,
    upload,
    verify,
    stop: stopActions,
  } = composeActions(parts, {
    upstream: upstream.own,
    repositories,
    resolver,
    storage,
    downloads,
    distfiles,
    mirrorFileCache,
    failures: stats.failures,
    removals: stats.removals,
  });
  const memory = createFlush([storage.clockWatch, storage.rows, hosts, stats, requestHistory], log);
  const health = createHealth({
    storeReason: () => storage.unmeetableReason() ?? storage.degradedReason(),
    unverifiedReason: repositories.configured.unverifiedReason,
    indexReason: () => (index.refused === undefined ? memory.problem() : `${index.refused}, until the next start`),
  });
  const state = composeState(parts, {
    actions: kept.list,
    repositories,
    resolver,
    hosts,
    storage,
    downloads,
    distfiles,
    stats,
    requestHistory,
    health,
  });
  const http = composeApp(parts, {
    upstream,
    repositories,
    storage,
    distfiles,
    mirrorFileCache,
    actions,
    kept,
    upload,
    stats,
    health,
    state,
  });

  const { scans } = repositories.configured;
  const recoverStore = () => recover(store, storage.rows, clock, log);
  const background = createBackground({
    recoverStore,
    rescan: () => scans.rescan().then(repositories.refresh.onRepositoriesChanged),
    flush: memory.flush,
    releaseMemory: storage.memoryCache.release,
    checkpoint: () => isLogLong(index.path) && downloads.hasher.checkpoint(index.path),
    log,
  });

  function onCleaned(report: CleanUpReport): void {
    stats.counters.countEvicted(report);
    const at = clock.now();
    for (const { name, reason } of report.removed) stats.removals.add(name, { at, reason });
  }

  function forgetFailures(): void {
    distfiles.forgetFailures();
    mirrorFiles.forgetFailures();
    resolver.forgetFailures();
  }

  return {
    app: http.app,
    actions,
    startFacts: () => ({
      store: state.status().store,
      repositories: repositories.rows.countsOfEach(),
      pending: state.repositories().pending,
      mirrors: config.fetcher.mirrors.map(maskCredentials),
    }),
    answerBySocket: http.answerBySocket,
    async settle() {
      await Promise.all([recoverStore(), scans.ready]);
    },
    async startBackground() {
      if (index.unchecked) void checkIndex(parts);
      repositories.configured.start();
      await Promise.all([background.start(), scans.ready]);
      storage.start(verify);
    },
    async reconfigure() {
      await repositories.configured.reconfigure();
      // New mirrors and repositories may have what was absent before.
      forgetFailures();
    },
    drain() {
      health.drain();
      http.closeEvents();
      stopActions("The server is shutting down");
    },
    async stop() {
      background.stop();
      await repositories.configured.stop();
      distfiles.readAhead.stop();
      await storage.stop();
      await downloads.flights.stop(new Error("portcache is shutting down"));
      downloads.hasher.close();
      memory.flush();
      // What clean-up has just removed may be more than one flush writes.
      while (stats.removals.pending > 0 && memory.problem() === undefined) memory.flush();
      await requestHistory.stop();
    },
  };
}
