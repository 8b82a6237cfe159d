/**
 * Puts together what answers over HTTP: files, the dashboard, the API and metrics.
 */
import { hostname } from "node:os";
import { version } from "../../package.json" with { type: "json" };
import type { Actions, KeptActions, Upload } from "../api/actions.ts";
import type { ApiState } from "../api/state.ts";
import { createClientTurns } from "../cache/client-turns.ts";
import type { MirrorFileCache } from "../cache/mirror-files/lookup.ts";
import type { Config } from "../config/schema.ts";
import { formatLayoutConf, parseLayout } from "../distfile/layout.ts";
import { createAddressList, createAllow } from "../http/allow.ts";
import { createEvents } from "../http/api/events.ts";
import { createApp } from "../http/app.ts";
import { createAddressOf } from "../http/client-address.ts";
import type { DashboardFiles } from "../http/dashboard.ts";
import { createDistfiles } from "../http/distfiles.ts";
import { createMirrorFiles } from "../http/mirror-files.ts";
import { createRequestLog } from "../http/request-log.ts";
import { isIndexDamage } from "../index/open.ts";
import type { Clock } from "../lib/clock.ts";
import { infoLine, type Logger } from "../lib/log.ts";
import { memoizeLast } from "../lib/memoize-last.ts";
import { createMetrics } from "../status/metrics.ts";
import { createRegistry } from "../status/prometheus.ts";
import type { RequestStats } from "../status/request-stats.ts";
import type { ComposedDistfiles } from "./compose-distfiles.ts";
import type { ComposedRepositories } from "./compose-repos.ts";
import type { ComposedStore } from "./compose-store.ts";
import type { ComposedUpstream } from "./compose-upstream.ts";
import type { ServerHealth } from "./health.ts";

export type App = ReturnType<typeof createApp>;

/** Look-ups of files that are no known hits, begun in one turn of the event loop: a miss costs it a millisecond or two. */
const MAX_LOOK_UPS = 2;
/** Large files of which the first bytes are sent in one turn: a millisecond each. */
const MAX_LARGE_FILES = 4;

export interface AppParts {
  readonly config: Pick<Config, "server">;
  readonly index: { readonly path: string };
  readonly dashboard?: DashboardFiles | undefined;
  /** Called when a query finds the index damaged. */
  readonly onIndexDamage: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is composed before. */
export interface AppNeeds {
  readonly upstream: ComposedUpstream;
  readonly repositories: ComposedRepositories;
  readonly storage: ComposedStore;
  readonly distfiles: ComposedDistfiles;
  readonly mirrorFileCache: MirrorFileCache;
  readonly actions: Actions;
  readonly kept: KeptActions;
  readonly upload: Upload;
  readonly stats: RequestStats;
  readonly health: ServerHealth;
  readonly state: ApiState;
}

export interface ComposedApp {
  readonly app: App;
  /** Ends the event streams, which never end by themselves. */
  closeEvents(): void;
  /** Answers a request that came over the store's socket. */
  answerBySocket(request: Request): Response | Promise<Response>;
}

export function composeApp(parts: AppParts, needs: AppNeeds): ComposedApp {
  const { index, dashboard, clock, log } = parts;
  const settings = parts.config.server;
  const { upstream, repositories, mirrorFileCache, actions, kept, upload, stats, health, state } = needs;
  const upstreamFor = upstream.clientFor;
  const takeTurn = createClientTurns(MAX_LOOK_UPS);
  const overSocket = new WeakSet<Request>();
  const allowed = memoizeLast(createAllow);
  const trusted = memoizeLast(createAddressList);
  const events = createEvents({
    state,
    onError: (error) => log.error("Cannot send events to watchers: {error}", { error }),
  });
  const metrics = createMetrics({
    stats,
    state,
    watchers: () => events.subscribers,
    memory: () => needs.storage.memoryCache,
    indexPath: index.path,
    clock,
  });
  const app = createApp({
    distfiles: createDistfiles({
      cache: needs.distfiles.cache,
      takeTurn,
      takeLargeTurn: createClientTurns(MAX_LARGE_FILES),
      clock,
      wantedByDigest: repositories.rows.entriesByDigest,
      refreshRepositories: repositories.refresh.refreshRepositories,
      upstreamFor,
      layoutConf: () => formatLayoutConf(settings.layouts.map(parseLayout).filter((layout) => layout !== undefined)),
    }),
    mirrorFiles: createMirrorFiles({ mirrorFileCache, takeTurn, clock, upstreamFor }),
    requestLog: createRequestLog({ infoLine, recorder: stats.recorder, clock }),
    state,
    events,
    actions,
    kept,
    upload,
    version,
    metrics: createRegistry(metrics),
    dashboard,
    allow: { permits: (address) => allowed(settings.allow).permits(address) },
    addressOf: createAddressOf(() =>
      settings.trusted_proxies.length === 0 ? undefined : trusted(settings.trusted_proxies),
    ),
    guard: () => ({ token: settings.admin_token, hostnames: [...settings.hostnames, hostname()] }),
    isLoop: upstream.isLoop,
    isOverSocket: (request) => overSocket.has(request),
    unavailableReason: health.unavailableReason,
    degradedReason: health.degradedReason,
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
