/**
 * Lists the metrics of the server: their names, what they mean, and where their values come from. Labels are few: outcomes,
 * kinds, configured mirrors and repositories, never files or clients.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import type { ApiState } from "../api/state.ts";
import type { FileKind } from "../distfile/file-kind.ts";
import type { KindMeasure, KindMeasures } from "../index/kind-counts.ts";
import type { Clock } from "../lib/clock.ts";
import { entriesOf } from "../lib/records.ts";
import { counter, gauge, histogram, type Labels, type Metric, type Sample, samplesOf } from "./metric.ts";
import { BYTE_COLUMNS, COLUMNS, type RequestStats } from "./request-stats.ts";

export interface MetricsDeps {
  readonly stats: RequestStats;
  readonly state: Pick<ApiState, "status" | "mirrors" | "repositories">;
  /** How many event streams are open. */
  readonly watchers: () => number;
  readonly memory: () => { readonly files: number; readonly bytes: number };
  /** Path of the index. */
  readonly indexPath: string;
  readonly clock: Clock;
}

const FETCHED = { mirror: "mirrorBytes", src_uri: "uriBytes" } as const;
const READ_AHEAD = { fetched: "fetched", used: "used" } as const;

/** One sample for each kind of file and outcome. */
function ofKinds(
  counts: Readonly<Record<FileKind, KindMeasures>>,
  columns: Readonly<Record<string, KindMeasure>>,
): readonly Sample[] {
  return entriesOf(counts).flatMap(([kind, measures]) =>
    Object.entries(columns).map(([outcome, column]) => ({ labels: { kind, outcome }, value: measures[column] })),
  );
}

function requestMetrics({ stats }: MetricsDeps): readonly Metric[] {
  const { sinceStart } = stats.statistics;
  const { counters } = stats;
  return [
    counter(
      "portcache_requests_total",
      "Requests for files, by outcome.",
      () => samplesOf("outcome", COLUMNS, (column) => sinceStart[column]),
      ["outcome"],
    ),
    counter(
      "portcache_sent_bytes_total",
      "Bytes of files sent to clients, by outcome of the request.",
      () => samplesOf("outcome", BYTE_COLUMNS, (column) => sinceStart[column]),
      ["outcome"],
    ),
    counter(
      "portcache_kind_requests_total",
      "Requests for files, by kind of file and outcome.",
      () => ofKinds(stats.kinds.sinceStart, COLUMNS),
      ["kind", "outcome"],
    ),
    counter(
      "portcache_kind_sent_bytes_total",
      "Bytes of files sent to clients, by kind of file and outcome of the request.",
      () => ofKinds(stats.kinds.sinceStart, BYTE_COLUMNS),
      ["kind", "outcome"],
    ),
    gauge("portcache_requests_in_flight", "Requests for files whose response has not ended.", () => stats.inFlight),
    histogram("portcache_first_byte_seconds", "Time from a request to the head of its response, by outcome.", () =>
      entriesOf(counters.firstByte).map(([outcome, buckets]) => ({ labels: { outcome }, buckets })),
    ),
  ];
}

function fetchMetrics({ stats, state }: MetricsDeps): readonly Metric[] {
  const { sinceStart } = stats.statistics;
  const { counters } = stats;
  return [
    counter(
      "portcache_fetched_bytes_total",
      "Bytes fetched from upstream, by kind of source.",
      () => samplesOf("source", FETCHED, (column) => sinceStart[column]),
      ["source"],
    ),
    counter(
      "portcache_upstream_requests_total",
      "Requests to upstream for files, by kind of source and outcome.",
      () =>
        entriesOf(counters.upstreamRequests).flatMap(([source, outcomes]) =>
          entriesOf(outcomes).map(([outcome, value]) => ({ labels: { source, outcome }, value })),
        ),
      ["source", "outcome"],
    ),
    histogram(
      "portcache_download_duration_seconds",
      "Duration of downloads from the first request for the file, by result.",
      () => entriesOf(counters.downloads).map(([result, buckets]) => ({ labels: { result }, buckets })),
    ),
    histogram(
      "portcache_resolve_duration_seconds",
      "Time to find the sources of a file, ebuilds that had to be sourced included.",
      () => [{ buckets: counters.resolving }],
    ),
    gauge("portcache_downloads", "Downloads in progress.", () => state.status().downloads.active),
    gauge(
      "portcache_downloads_waiting",
      "Downloads that wait for a download slot.",
      () => state.status().downloads.waiting,
    ),
    gauge(
      "portcache_max_rate_bytes_per_second",
      "Configured limit on all downloads together ([fetcher] max_rate); 0: none.",
      () => state.status().max_rate.bytes_per_second ?? 0,
    ),
    gauge("portcache_max_rate_in_force", "Whether that limit holds now, by max_rate_hours: 1 or 0.", () =>
      Number(state.status().max_rate.in_force),
    ),
    counter(
      "portcache_read_ahead_files_total",
      "Files fetched ahead of a request, and how many of them were requested afterwards.",
      () => samplesOf("state", READ_AHEAD, (field) => state.status().read_ahead[field]),
      ["state"],
    ),
  ];
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function mirrorMetrics({ state }: MetricsDeps): readonly Metric[] {
  type Mirror = ReturnType<typeof state.mirrors>["mirrors"][number];
  /** Configured mirrors alone: hosts of SRC_URI come and go. A value that is not known yet has no sample. */
  const each = (read: (mirror: Mirror) => number | null): Sample[] =>
    state.mirrors().mirrors.flatMap((mirror) => {
      const value = mirror.kind === "mirror" ? read(mirror) : null;
      return value === null ? [] : [{ labels: { mirror: mirror.url }, value }];
    });
  const labels = ["mirror"];
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1000);
  return [
    gauge(
      "portcache_mirror_up",
      "Whether the mirror is available: 1, or 0 while it is unavailable or asked to wait.",
      () => each(({ circuit }) => (circuit === "open" || circuit === "waiting" ? 0 : 1)),
      labels,
    ),
    gauge(
      "portcache_mirror_throughput_bytes_per_second",
      "Measured throughput of one transfer.",
      () => each((mirror) => mirror.bytes_per_second),
      labels,
    ),
    gauge(
      "portcache_mirror_first_byte_median_seconds",
      "Median of the latest times to the first byte.",
      () => each((mirror) => seconds(mirror.first_byte_ms.p50)),
      labels,
    ),
    gauge(
      "portcache_mirror_first_byte_p95_seconds",
      "95th percentile of the latest times to the first byte.",
      () => each((mirror) => seconds(mirror.first_byte_ms.p95)),
      labels,
    ),
    gauge(
      "portcache_mirror_success_ratio",
      "Share of requests that succeeded, older ones weighing less.",
      () => each((mirror) => mirror.success_rate),
      labels,
    ),
    gauge(
      "portcache_mirror_transfers",
      "Requests in flight to the mirror.",
      () => each((mirror) => mirror.transfers),
      labels,
    ),
  ];
}

function storeMetrics({ stats, state, memory, indexPath }: MetricsDeps): readonly Metric[] {
  const { counters } = stats;
  const store = () => state.status().store;
  const evicted = (read: (one: { readonly files: number; readonly bytes: number }) => number): Sample[] =>
    entriesOf(counters.evicted).map(([reason, one]) => ({ labels: { reason }, value: read(one) }));
  return [
    gauge("portcache_store_files", "Files in the store.", () => store().files),
    gauge(
      "portcache_kind_files",
      "Files in the store, by kind of file.",
      () => state.status().kinds.map(({ kind, files }) => ({ labels: { kind }, value: files })),
      ["kind"],
    ),
    gauge(
      "portcache_kind_bytes",
      "Bytes of the files in the store, by kind of file.",
      () => state.status().kinds.map(({ kind, bytes }) => ({ labels: { kind }, value: bytes })),
      ["kind"],
    ),
    gauge("portcache_store_bytes", "Bytes of the files in the store.", () => store().bytes),
    gauge("portcache_store_limit_bytes", "[storage] max_size; 0: none.", () => store().max_bytes ?? 0),
    gauge("portcache_store_free_bytes", "Free bytes of the store's file system.", () => store().free_bytes),
    gauge("portcache_store_min_free_bytes", "[storage] min_free.", () => store().min_free_bytes),
    gauge(
      "portcache_store_free_inodes",
      "Free inodes of the store's file system; +Inf where it makes them as it needs them.",
      () => store().free_inodes ?? Number.POSITIVE_INFINITY,
    ),
    counter(
      "portcache_evicted_files_total",
      "Files that clean-up removed, by reason.",
      () => evicted((one) => one.files),
      ["reason"],
    ),
    counter(
      "portcache_evicted_bytes_total",
      "Bytes that clean-up removed, by reason.",
      () => evicted((one) => one.bytes),
      ["reason"],
    ),
    gauge("portcache_memory_cache_files", "Small files held in memory.", () => memory().files),
    gauge("portcache_memory_cache_bytes", "Bytes of the small files held in memory.", () => memory().bytes),
    gauge("portcache_index_bytes", "Size of the index on disk, its log included.", () =>
      ["", "-wal", "-shm"].reduce((sum, suffix) => sum + sizeOf(indexPath + suffix), 0),
    ),
  ];
}

function repositoryMetrics({ state }: MetricsDeps): readonly Metric[] {
  type Repository = ReturnType<typeof state.repositories>["repositories"][number];
  const each = (read: (one: Repository) => number | null): Sample[] =>
    state.repositories().repositories.flatMap((one) => {
      const value = read(one);
      const labels: Labels = { repository: one.name, location: one.location };
      return value === null ? [] : [{ labels, value }];
    });
  const labels = ["repository", "location"];
  return [
    gauge(
      "portcache_repository_packages",
      "Packages of the ebuild repository.",
      () => each((one) => one.packages),
      labels,
    ),
    gauge(
      "portcache_repository_distfiles",
      "DIST lines of the repository.",
      () => each((one) => one.distfiles),
      labels,
    ),
    gauge(
      "portcache_repository_bytes",
      "Size of a repository that is synced from a URL.",
      () => each((one) => one.bytes),
      labels,
    ),
    gauge(
      "portcache_repository_scanned_timestamp_seconds",
      "End of the last successful scan, since the epoch.",
      () => each(({ scanned_at }) => (scanned_at === null ? null : Date.parse(scanned_at) / 1000)),
      labels,
    ),
    gauge(
      "portcache_repository_scan_failed",
      "1 if the last scan failed.",
      () => each(({ problem }) => (problem === null ? 0 : 1)),
      labels,
    ),
  ];
}

/** 0 where /proc can't be read. */
function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}

function maxFiles(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return Number(limit ?? 0);
  } catch {
    return 0;
  }
}

/** The names that all Prometheus clients use. prom-client's own ones read parts of Node.js that Bun does not have. */
function processMetrics(startedAt: number): readonly Metric[] {
  return [
    counter("process_cpu_seconds_total", "User and system CPU time spent, all threads.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
    gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss()),
    gauge("process_open_fds", "Open file descriptors.", openFiles),
    gauge("process_max_fds", "Limit of open file descriptors.", maxFiles),
    gauge("process_start_time_seconds", "Start of the process, since the epoch.", () => startedAt / 1000),
  ];
}

/** All metrics of one answer are read from the same state. */
const SAME_SCRAPE_MS = 100;

function perScrape<T>(read: () => T): () => T {
  let last: { readonly value: T; readonly at: number } | undefined;
  return () => {
    const now = performance.now();
    if (!last || now - last.at > SAME_SCRAPE_MS) last = { value: read(), at: now };
    return last.value;
  };
}

export function createMetrics(deps: MetricsDeps): readonly Metric[] {
  const state = {
    status: perScrape(deps.state.status),
    mirrors: perScrape(deps.state.mirrors),
    repositories: perScrape(deps.state.repositories),
  };
  const withState = { ...deps, state };
  const { watchers, clock } = withState;
  const health = () => state.status().health.state;
  return [
    gauge(
      "portcache_info",
      "Always 1; the version is a label.",
      () => [{ labels: { version: state.status().version }, value: 1 }],
      ["version"],
    ),
    gauge("portcache_healthy", "1 while the server can serve.", () => (health() === "unavailable" ? 0 : 1)),
    gauge("portcache_degraded", "1 while the server serves but /healthz reports a degraded reason.", () =>
      health() === "degraded" ? 1 : 0,
    ),
    ...requestMetrics(withState),
    ...fetchMetrics(withState),
    ...mirrorMetrics(withState),
    ...storeMetrics(withState),
    ...repositoryMetrics(withState),
    gauge("portcache_event_streams", "Open streams of server-sent events.", watchers),
    ...processMetrics(clock.now()),
  ];
}
