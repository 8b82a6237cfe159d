/**
 * Puts together what answers over HTTP: files, the dashboard, the API and metrics.
 */
import { hostname } from "node:os";
import { version } from "../../package.json" with { type: "json" };
import type { Actions } from "../api/actions.ts";
import type { ApiState } from "../api/state.ts";
import type { Cache } from "../cache/lookup.ts";
import type { MirrorFileCache } from "../cache/mirror-files/lookup.ts";
import type { Config } from "../config/schema.ts";
import { formatLayoutConf, parseLayout } from "../distfile/layout.ts";
import { createAllow } from "../http/allow.ts";
import { createEvents } from "../http/api/events.ts";
import { createApp } from "../http/app.ts";
import type { DashboardFiles } from "../http/dashboard.ts";
import { createDistfiles, type DistfilesDeps } from "../http/distfiles.ts";
import { createMirrorFiles } from "../http/mirror-files.ts";
import { createRequestLog } from "../http/request-log.ts";
import { isIndexDamage } from "../index/open.ts";
import type { Clock } from "../lib/clock.ts";
import { infoLine, type Logger } from "../lib/log.ts";
import { memoizeLast } from "../lib/memoize-last.ts";
import { createMetrics } from "../status/metrics.ts";
import { createRegistry } from "../status/prometheus.ts";
import type { RequestStats } from "../status/request-stats.ts";
import type { MemoryCache } from "../store/memory-cache.ts";
import type { LoopGuard } from "../upstream/loop-guard.ts";

export type App = ReturnType<typeof createApp>;

export interface AppParts {
  /** Values may change. */
  readonly settings: Config["server"];
  readonly cache: Cache;
  readonly mirrorFileCache: MirrorFileCache;
  readonly memoryCache: Pick<MemoryCache, "files" | "bytes">;
  readonly wantedByDigest: DistfilesDeps["wantedByDigest"];
  readonly refreshRepositories: DistfilesDeps["refreshRepositories"];
  readonly upstreamFor: DistfilesDeps["upstreamFor"];
  readonly isLoop: LoopGuard["isLoop"];
  readonly actions: Actions;
  readonly state: ApiState;
  readonly stats: RequestStats;
  readonly indexPath: string;
  readonly dashboard: DashboardFiles | undefined;
  readonly unavailableReason: () => string | undefined;
  readonly degradedReason: () => string | undefined;
  /** Called when a query finds the index damaged. */
  readonly onIndexDamage: () => void;
  readonly clock: Clock;
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
  const { settings, cache, mirrorFileCache, upstreamFor, state, stats, clock, log } = parts;
  const overSocket = new WeakSet<Request>();
  const allowed = memoizeLast(createAllow);
  const events = createEvents({
    state,
    onError: (error) => log.error("Cannot send events to watchers: {error}", { error }),
  });
  const metrics = createMetrics({
    stats,
    state,
    watchers: () => events.subscribers,
    memory: () => parts.memoryCache,
    indexPath: parts.indexPath,
    clock,
  });
  const app = createApp({
    distfiles: createDistfiles({
      cache,
      clock,
      wantedByDigest: parts.wantedByDigest,
      refreshRepositories: parts.refreshRepositories,
      upstreamFor,
      layoutConf: () => formatLayoutConf(settings.layouts.map(parseLayout).filter((layout) => layout !== undefined)),
    }),
    mirrorFiles: createMirrorFiles({ mirrorFileCache, clock, upstreamFor }),
    requestLog: createRequestLog({ infoLine, recorder: stats.recorder, clock }),
    state,
    events,
    actions: parts.actions,
    version,
    metrics: createRegistry(metrics),
    dashboard: parts.dashboard,
    allow: { permits: (address) => allowed(settings.allow).permits(address) },
    guard: () => ({ token: settings.admin_token, hostnames: [...settings.hostnames, hostname()] }),
    isLoop: parts.isLoop,
    isOverSocket: (request) => overSocket.has(request),
    unavailableReason: parts.unavailableReason,
    degradedReason: parts.degradedReason,
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
