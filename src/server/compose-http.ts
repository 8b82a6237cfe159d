/**
 * Puts together what answers over HTTP: files, the dashboard, the API and metrics.
 */
import { hostname } from "node:os";
import { version } from "../../package.json" with { type: "json" };
import type { Actions } from "../api/actions.ts";
import type { Cache } from "../cache/lookup.ts";
import type { MirrorFileCache } from "../cache/mirror-files/lookup.ts";
import { formatLayoutConf, parseLayout } from "../distfile/layout.ts";
import { createAllow } from "../http/allow.ts";
import { createEvents } from "../http/api/events.ts";
import { createApp } from "../http/app.ts";
import type { DashboardFiles } from "../http/dashboard.ts";
import { createDistfiles, type DistfilesDeps } from "../http/distfiles.ts";
import { createMirrorFiles } from "../http/mirror-files.ts";
import { createRequestLog } from "../http/request-log.ts";
import { isIndexDamage } from "../index/open.ts";
import { infoLine, type Logger } from "../lib/log.ts";
import { memoizeLast } from "../lib/memoize-last.ts";
import { createMetrics } from "../status/metrics.ts";
import { createRegistry } from "../status/prometheus.ts";
import { type ApiStateDeps, createApiState } from "../status/server-status.ts";
import type { MemoryCache } from "../store/memory-cache.ts";
import type { LoopGuard } from "../upstream/loop-guard.ts";
import { createUpstreamClient, type UpstreamSettings } from "../upstream/request.ts";
import type { ComposedStore } from "./compose-store.ts";

export type App = ReturnType<typeof createApp>;

export interface AppParts extends Omit<ApiStateDeps, "unavailableReason" | "degradedReason" | "eviction"> {
  readonly cache: Cache;
  readonly mirrorFileCache: MirrorFileCache;
  readonly memoryCache: Pick<MemoryCache, "files" | "bytes">;
  readonly actions: Actions;
  readonly refreshRepositories: DistfilesDeps["refreshRepositories"];
  readonly composedStore: Pick<ComposedStore, "eviction" | "degradedReason">;
  /** Returns why no file can be verified, a sentence part; undefined where files are. */
  readonly unverifiedReason: () => string | undefined;
  readonly loopGuard: LoopGuard;
  readonly settings: UpstreamSettings;
  readonly dashboard: DashboardFiles | undefined;
  readonly isDraining: () => boolean;
  /** Called when a query finds the index damaged. */
  readonly onIndexDamage: () => void;
  readonly log: Logger;
}

export interface ComposedApp {
  readonly app: App;
  /** Ends the event streams, which never end by themselves. */
  closeEvents(): void;
  /** Answers a request that came over the store's socket. */
  answerBySocket(request: Request): Response | Promise<Response>;
}

export function composeApp(parts: AppParts): ComposedApp {
  const { config, composedStore, loopGuard, stats } = parts;
  const overSocket = new WeakSet<Request>();
  const allowed = memoizeLast(createAllow);
  const unavailableReason = () => (parts.isDraining() ? "shutting down" : undefined);
  const { eviction } = composedStore;

  function degradedReason(): string | undefined {
    const unverified = parts.unverifiedReason();
    const reasons = [
      composedStore.degradedReason(),
      unverified === undefined ? undefined : `nothing is verified: ${unverified}`,
    ].filter((reason) => reason !== undefined);
    return reasons.length === 0 ? undefined : reasons.join("; ");
  }

  const state = createApiState({ ...parts, unavailableReason, degradedReason, eviction });
  const events = createEvents({
    state,
    onError: (error) => parts.log.error("Cannot send events to watchers: {error}", { error }),
  });
  const metrics = createRegistry(
    createMetrics({
      stats,
      state,
      watchers: () => events.subscribers,
      memory: () => parts.memoryCache,
      indexPath: `${config.storage.location}/index.sqlite`,
      clock: parts.clock,
    }),
  );
  const { clock, log } = parts;
  const upstreamFor = (request: Request) => createUpstreamClient(parts.settings, loopGuard.headersFor(request.headers));
  const app = createApp({
    distfiles: createDistfiles({
      cache: parts.cache,
      clock,
      wantedByDigest: (digest) => parts.repositories.entriesByDigest(digest),
      refreshRepositories: parts.refreshRepositories,
      upstreamFor,
      layoutConf: () =>
        formatLayoutConf(config.server.layouts.map(parseLayout).filter((layout) => layout !== undefined)),
    }),
    mirrorFiles: createMirrorFiles({ mirrorFileCache: parts.mirrorFileCache, clock, upstreamFor }),
    requestLog: createRequestLog({ infoLine, recorder: stats.recorder, clock }),
    state,
    events,
    actions: parts.actions,
    version,
    metrics,
    dashboard: parts.dashboard,
    allow: { permits: (address) => allowed(config.server.allow).permits(address) },
    guard: () => ({ token: config.server.admin_token, hostnames: [...config.server.hostnames, hostname()] }),
    isLoop: loopGuard.isLoop,
    isOverSocket: (request) => overSocket.has(request),
    unavailableReason,
    degradedReason,
    clock,
    log,
    onError: (error) => isIndexDamage(error) && parts.onIndexDamage(),
  });
  return {
    app,
    closeEvents: events.close,
    answerBySocket(request) {
      overSocket.add(request);
      return app.fetch(request);
    },
  };
}
