/**
 * The metrics that tell how things stand: mirrors, store, index, repositories.
 */
import { statSync } from "node:fs";
import type { Labels, MetricSource, Sample } from "../http/metrics.ts";
import { counter, entries, gauge, type MetricsParts } from "./metric.ts";

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

export function mirrorMetrics({ state }: MetricsParts): readonly MetricSource[] {
  type Mirror = ReturnType<typeof state.mirrors>["mirrors"][number];
  /** Of the configured ones: hosts of SRC_URI come and go. Nothing is told of what is not known yet. */
  const each = (read: (mirror: Mirror) => number | null): Sample[] =>
    state.mirrors().mirrors.flatMap((mirror) => {
      const value = mirror.kind === "mirror" ? read(mirror) : null;
      return value === null ? [] : [{ labels: { mirror: mirror.url }, value }];
    });
  const labels = ["mirror"];
  const milli = (ms: number | null) => (ms === null ? null : ms / 1000);
  return [
    gauge(
      "mirror_up",
      "Whether the mirror is asked: 1, or 0 while its circuit is open.",
      () => each(({ circuit }) => (circuit === "open" ? 0 : 1)),
      labels,
    ),
    gauge(
      "mirror_throughput_bytes_per_second",
      "Measured throughput of one transfer.",
      () => each((mirror) => mirror.bytes_per_second),
      labels,
    ),
    gauge(
      "mirror_first_byte_median_seconds",
      "Median of the latest times to the first byte.",
      () => each((mirror) => milli(mirror.first_byte_ms.p50)),
      labels,
    ),
    gauge(
      "mirror_first_byte_p95_seconds",
      "95th percentile of the latest times to the first byte.",
      () => each((mirror) => milli(mirror.first_byte_ms.p95)),
      labels,
    ),
    gauge(
      "mirror_success_ratio",
      "Share of requests that were answered, older ones weighing less.",
      () => each((mirror) => mirror.success_rate),
      labels,
    ),
    gauge("mirror_transfers", "Requests under way to the mirror.", () => each((mirror) => mirror.transfers), labels),
  ];
}

export function storeMetrics({ account, state, memory, indexPath }: MetricsParts): readonly MetricSource[] {
  const { meters } = account;
  const store = () => state.status().store;
  const evicted = (read: (one: { readonly files: number; readonly bytes: number }) => number): Sample[] =>
    entries(meters.evicted).map(([reason, one]) => ({ labels: { reason }, value: read(one) }));
  return [
    gauge("store_files", "Files in the store.", () => store().files),
    gauge("store_bytes", "Bytes of the files in the store.", () => store().bytes),
    gauge("store_limit_bytes", "[storage] max_size; 0: none.", () => store().max_bytes ?? 0),
    gauge("store_free_bytes", "Free bytes of the store's file system.", () => store().free_bytes),
    gauge("store_min_free_bytes", "[storage] min_free.", () => store().min_free_bytes),
    counter("evicted_files_total", "Files that clean-up removed, and why.", () => evicted((one) => one.files), [
      "reason",
    ]),
    counter("evicted_bytes_total", "Bytes that clean-up removed, and why.", () => evicted((one) => one.bytes), [
      "reason",
    ]),
    gauge("memory_store_files", "Small files held in memory.", () => memory().files),
    gauge("memory_store_bytes", "Bytes of the small files held in memory.", () => memory().bytes),
    gauge("index_bytes", "Size of the index on disk, its log included.", () =>
      ["", "-wal", "-shm"].reduce((sum, suffix) => sum + sizeOf(indexPath + suffix), 0),
    ),
  ];
}

export function treeMetrics({ state }: MetricsParts): readonly MetricSource[] {
  type Repository = ReturnType<typeof state.repositories>["repositories"][number];
  const each = (read: (one: Repository) => number | null): Sample[] =>
    state.repositories().repositories.flatMap((one) => {
      const value = read(one);
      const labels: Labels = { repository: one.name, location: one.location };
      return value === null ? [] : [{ labels, value }];
    });
  const labels = ["repository", "location"];
  return [
    gauge("repository_packages", "Packages of the ebuild repository.", () => each((one) => one.packages), labels),
    gauge("repository_distfiles", "DIST lines of the repository.", () => each((one) => one.distfiles), labels),
    gauge(
      "repository_scanned_timestamp_seconds",
      "End of the last scan that went through, since the epoch.",
      () => each(({ scanned_at }) => (scanned_at === null ? null : Date.parse(scanned_at) / 1000)),
      labels,
    ),
    gauge(
      "repository_trouble",
      "1 where the last scan came to nothing.",
      () => each(({ problem }) => (problem === null ? 0 : 1)),
      labels,
    ),
  ];
}
