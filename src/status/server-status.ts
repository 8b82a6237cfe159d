/**
 * Collects the state of the whole server for the API: status, mirrors, repositories, history, clients, clean-up.
 */
import { version } from "../../package.json" with { type: "json" };
import type { ActionsResponse } from "../api/action-schemas.ts";
import type {
  CleanupResponse,
  HistoryResponse,
  MirrorsResponse,
  RepositoriesResponse,
  Status,
} from "../api/schemas.ts";
import type { ApiState } from "../api/state.ts";
import type { ReadAhead } from "../cache/read-ahead.ts";
import { maxRateAt } from "../config/max-rate.ts";
import type { Config } from "../config/schema.ts";
import type { CleanUpReport, Eviction } from "../eviction/evict.ts";
import type { Flights } from "../fetch/flights.ts";
import { createFileList } from "../index/file-list.ts";
import type { FileRows } from "../index/files.ts";
import { createMirrorFileList } from "../index/mirror-file-list.ts";
import type { IndexDatabase } from "../index/open.ts";
import { createPackageSearch } from "../index/package-search.ts";
import type { RepositoryRows } from "../index/repositories.ts";
import type { Clock } from "../lib/clock.ts";
import { formatDayHours } from "../lib/day-hours.ts";
import { maskCredentials } from "../lib/url.ts";
import type { Hosts } from "../mirrors/hosts.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import type { DiscoveredRepositories } from "../repos/discover.ts";
import type { RepositoryScans } from "../repos/repositories.ts";
import { syncedBytes } from "../repos/sync/versions.ts";
import { storeVolumes } from "../store/partial-folders.ts";
import type { Store } from "../store/store.ts";
import { createActiveDownloads, iso } from "./active-downloads.ts";
import { createClientReport } from "./client-report.ts";
import { createFileReport, describeFailure, type FileReportDeps } from "./file-report.ts";
import { describeMirror } from "./mirror-report.ts";
import { createPackageReport, type PackageReportDeps } from "./package-report.ts";
import { type ClientNames, createRequestReport, type RequestHistory } from "./request-history.ts";
import type { RequestStats } from "./request-stats.ts";
import { spaceOf } from "./space.ts";
import { countsOf, kindTotals, totalsOf } from "./totals.ts";

export interface ApiStateDeps {
  readonly stats: RequestStats;
  readonly config: Config;
  readonly db: IndexDatabase;
  readonly rows: FileRows;
  readonly repositories: RepositoryRows;
  readonly repositoryStatus: RepositoryScans["status"];
  /** The repositories as last discovered. */
  readonly discoveredRepositories: () => DiscoveredRepositories;
  /** Whether every configured repository has been scanned since the start. */
  readonly repositoriesScanned: () => boolean;
  readonly versionsOf: PackageReportDeps["versionsOf"];
  readonly byHand: FileReportDeps["byHand"];
  readonly hosts: Hosts;
  readonly store: Store;
  readonly flights: Flights;
  readonly readAhead: Pick<ReadAhead, "counts">;
  /** Actions that go on when their connection closes, the newest first. */
  readonly actions: () => ActionsResponse["actions"];
  readonly unavailableReason: () => string | undefined;
  readonly degradedReason: () => string | undefined;
  readonly eviction: Pick<Eviction, "clean">;
  readonly requestHistory: RequestHistory;
  readonly clientNames: ClientNames;
  readonly clock: Clock;
}

/** SRC_URI names thousands of hosts; people look at the latest. */
const MAX_HOSTS = 100;
/** Adding up the stored files by kind reads all mirror files. */
const STORED_KINDS_MAX_AGE_MS = 10_000;
/** A dry run of clean-up reads every row: no more often than this, and for a hundredth of the time at most. */
const PREVIEW_MAX_AGE_MS = 30_000;
const PREVIEW_REST = 100;

/** Returns a function that reads again only when its last value is so old. */
function remembered<T>(maxAgeMs: number, clock: Clock, read: () => T): () => T {
  let last: { readonly value: T; readonly at: number } | undefined;
  return () => {
    const now = clock.now();
    if (!last || now - last.at >= maxAgeMs || now < last.at) last = { value: read(), at: now };
    return last.value;
  };
}

/** Creates what shows the files that clean-up would remove next: the report of a dry run, which is made again now and then. */
function createCleanupPreview(clean: Eviction["clean"], clock: Clock): (limit: number) => Promise<CleanupResponse> {
  let preview: { until: number; readonly report: Promise<CleanUpReport> } | undefined;

  function start(): { until: number; readonly report: Promise<CleanUpReport> } {
    const startedAt = clock.now();
    const started = { until: Number.POSITIVE_INFINITY, report: clean({ dryRun: true }) };
    const tookMs = () => Math.max(0, clock.now() - startedAt);
    started.report.then(
      () => {
        started.until = clock.now() + Math.max(PREVIEW_MAX_AGE_MS, PREVIEW_REST * tookMs());
      },
      () => {
        started.until = 0;
      },
    );
    return started;
  }

  return async (limit) => {
    if (!preview || clock.now() >= preview.until) preview = start();
    const { total, removed } = await preview.report;
    const next = removed.slice(0, limit).map(({ name, size, reason }) => ({ name, size, reason }));
    return { files: total.files, bytes: total.bytes, next };
  };
}

function describeMaxRate(fetcher: Config["fetcher"], now: number): Status["max_rate"] {
  const { max_rate, max_rate_hours } = fetcher;
  return {
    bytes_per_second: max_rate === 0 ? null : max_rate,
    hours: max_rate_hours ? formatDayHours(max_rate_hours) : null,
    in_force: maxRateAt(fetcher, new Date(now)) !== undefined,
  };
}

export function createApiState(parts: ApiStateDeps): ApiState {
  const { stats, config, clock, hosts } = parts;
  const startedAt = clock.now();
  const { rows } = parts;
  const list = createFileList(parts.db, () => ({ files: rows.count(), bytes: rows.bytes() }));
  const mirrorFiles = createMirrorFileList(parts.db);
  const storedKinds = remembered(STORED_KINDS_MAX_AGE_MS, clock, () =>
    mirrorFiles.totals({ files: rows.count(), bytes: rows.bytes() }),
  );
  const downloads = createActiveDownloads(parts.flights.all, stats.fetchHistory, clock);
  const files = createFileReport({
    rows,
    list,
    mirrorFiles,
    repositories: parts.repositories,
    byHand: parts.byHand,
    store: parts.store,
    fetchHistory: stats.fetchHistory,
    failures: stats.failures,
    removal: stats.removals.of,
    download: downloads.find,
    repositoriesScanned: parts.repositoriesScanned,
    clock,
  });

  const packages = createPackageReport({
    search: createPackageSearch(parts.db),
    repositories: parts.repositories,
    discovered: () => parts.discoveredRepositories().repositories,
    rows,
    details: files.details,
    versionsOf: parts.versionsOf,
  });

  const keys = () => [...new Set(config.fetcher.mirrors.map(mirrorKey))];

  function configuredMirrors(): MirrorsResponse["mirrors"] {
    const now = clock.now();
    return keys().map((key) => {
      const { stats, lastRequestAt, activeRequests, waitUntil } = hosts.at(key);
      return describeMirror({ host: key, stats, lastRequestAt, activeRequests, waitUntil }, "mirror", true, now);
    });
  }

  function mirrors(): MirrorsResponse {
    const now = clock.now();
    const configured = new Set(keys());
    const others = hosts
      .all()
      .filter(({ host, lastRequestAt }) => lastRequestAt > 0 && !configured.has(host))
      .toSorted((a, b) => b.lastRequestAt - a.lastRequestAt)
      .slice(0, MAX_HOSTS)
      .map((one) => describeMirror(one, "host", true, now));
    return { mirrors: [...configuredMirrors(), ...others] };
  }

  function health(): Status["health"] {
    const unavailable = parts.unavailableReason();
    if (unavailable !== undefined) return { state: "unavailable", reason: unavailable };
    const degraded = parts.degradedReason();
    return { state: degraded === undefined ? "ok" : "degraded", reason: degraded ?? null };
  }

  function status(): Status {
    const now = clock.now();
    const { max_size, min_free, location } = config.storage;
    const scans = parts.repositoryStatus();
    const sum = (read: (one: (typeof scans)[number]) => number) => scans.reduce((all, one) => all + read(one), 0);
    const current = parts.flights.all();
    const configured = configuredMirrors();
    return {
      version,
      now: iso(now),
      started_at: iso(startedAt),
      uptime_seconds: Math.max(0, Math.round((now - startedAt) / 1000)),
      health: health(),
      changes_over_tcp: config.server.admin_token !== "",
      store: {
        location,
        files: rows.count(),
        bytes: rows.bytes(),
        max_bytes: max_size === 0 ? null : max_size,
        ...spaceOf(storeVolumes(location), min_free),
      },
      since_start: totalsOf(stats.statistics.sinceStart),
      all_time: totalsOf(stats.statistics.allTime()),
      kinds: kindTotals(stats.kinds.allTime(), storedKinds()),
      in_flight: stats.inFlight,
      downloads: { active: current.length, waiting: current.filter(({ phase }) => phase === "waiting").length },
      max_rate: describeMaxRate(config.fetcher, now),
      read_ahead: { ...parts.readAhead.counts },
      repositories: {
        total: scans.length,
        packages: sum((one) => one.packages),
        distfiles: sum((one) => one.distfiles),
        scanned: parts.repositoriesScanned(),
        synced_bytes: sum(({ location }) => syncedBytes(location) ?? 0),
      },
      mirrors: {
        configured: configured.length,
        down: configured.filter(({ circuit }) => circuit === "open" || circuit === "waiting").length,
      },
    };
  }

  function repositories(): RepositoriesResponse {
    const { pending, problems } = parts.discoveredRepositories();
    return {
      repositories: parts
        .repositoryStatus()
        .map(({ scannedAt, tookMs, problem = null, firstUnreadable: _, reading: __, ...one }) => ({
          ...one,
          bytes: syncedBytes(one.location) ?? null,
          scanned_at: scannedAt === undefined ? null : iso(scannedAt),
          duration_ms: Math.max(0, Math.round(tookMs)),
          problem,
        })),
      pending: pending.map(maskCredentials),
      problems: problems.map(maskCredentials),
    };
  }

  function history(resolution: HistoryResponse["resolution"], points: number): HistoryResponse {
    const buckets = stats.statistics.history(resolution, points);
    return { resolution, points: buckets.map((bucket) => ({ at: iso(bucket.at), ...countsOf(bucket) })) };
  }

  const clients = createClientReport({
    clients: stats.clients,
    history: parts.requestHistory,
    names: parts.clientNames,
    repositories: parts.repositories,
    isRecorded: () => config.server.client_statistics,
  });

  return {
    status,
    downloads: downloads.all,
    files: files.list,
    packages: packages.find,
    package: packages.details,
    file: files.details,
    mirrors,
    repositories,
    history: ({ resolution, points }) => history(resolution, points),
    requests: createRequestReport({
      history: parts.requestHistory,
      names: parts.clientNames,
      unlogged: () => stats.unlogged,
      repositories: parts.repositories,
      locations: () => parts.repositoryStatus().map(({ location }) => location),
    }),
    latestRequest: () => (parts.requestHistory.latestId === 0 ? null : String(parts.requestHistory.latestId)),
    clients: clients.list,
    client: clients.details,
    failures: (limit) => ({ failures: stats.failures.latest(limit).map(describeFailure) }),
    cleanup: createCleanupPreview(parts.eviction.clean, clock),
    actions: () => ({ actions: parts.actions() }),
    top: files.top,
  };
}
