/**
 * The metrics of the server: their names, what they mean, and where their values come from.
 */
import type { MetricSource } from "../http/metrics.ts";
import { by, counter, entries, gauge, type MetricsParts } from "./metric.ts";
import { mirrorMetrics, storeMetrics, treeMetrics } from "./metrics-gauges.ts";
import { processMetrics } from "./metrics-process.ts";

const OUTCOMES = { hits: "hit", misses: "miss", joined: "joined", absent: "absent", failed: "failed" } as const;
const OTHERS = { refused: "refused", other: "other" } as const;
const SENT = { hitBytes: "hit", missBytes: "miss", joinedBytes: "joined" } as const;
const FETCHED = { mirrorBytes: "mirror", uriBytes: "src_uri" } as const;

function requestMetrics({ account }: MetricsParts): readonly MetricSource[] {
  const { sinceStart } = account.statistics;
  const { meters } = account;
  return [
    counter(
      "requests_total",
      "Requests for distfiles, by what came of them.",
      () => by("outcome", { ...OUTCOMES, ...OTHERS }, (key) => sinceStart[key]),
      ["outcome"],
    ),
    counter(
      "sent_bytes_total",
      "Bytes of distfiles sent to clients, by what came of the request.",
      () => by("outcome", SENT, (key) => sinceStart[key]),
      ["outcome"],
    ),
    gauge("requests_in_flight", "Requests for distfiles whose answer has not ended.", () => account.inFlight),
    {
      type: "histogram",
      name: "portcache_first_byte_seconds",
      help: "Time from a request to the head of its answer, by what came of it.",
      read: () => entries(meters.firstByte).map(([outcome, buckets]) => ({ labels: { outcome }, buckets })),
    },
  ];
}

function fetchMetrics({ account, state }: MetricsParts): readonly MetricSource[] {
  const { sinceStart } = account.statistics;
  const { meters } = account;
  return [
    counter(
      "fetched_bytes_total",
      "Bytes that came from upstream, by the kind of source.",
      () => by("source", FETCHED, (key) => sinceStart[key]),
      ["source"],
    ),
    counter(
      "upstream_requests_total",
      "Requests to upstream for distfiles, by the kind of source and what came of them.",
      () =>
        entries(meters.tried).flatMap(([source, outcomes]) =>
          entries(outcomes).map(([outcome, value]) => ({ labels: { source, outcome }, value })),
        ),
      ["source", "outcome"],
    ),
    {
      type: "histogram",
      name: "portcache_download_duration_seconds",
      help: "Time that downloads took from the first request for the file, by what came of them.",
      read: () => entries(meters.downloads).map(([result, buckets]) => ({ labels: { result }, buckets })),
    },
    {
      type: "histogram",
      name: "portcache_resolve_duration_seconds",
      help: "Time to find out where a file can be had, ebuilds that had to be sourced included.",
      read: () => [{ buckets: meters.resolving }],
    },
    gauge("downloads", "Downloads under way.", () => state.status().downloads.active),
    gauge("downloads_waiting", "Downloads that wait for a place.", () => state.status().downloads.waiting),
    counter(
      "read_ahead_files_total",
      "Files fetched before anybody asked for them, and those of these that were asked for afterwards.",
      () => by("state", { fetched: "fetched", used: "used" }, (key) => state.status().read_ahead[key]),
      ["state"],
    ),
  ];
}

/** One look serves all metrics of an answer. */
const SAME_ANSWER_MS = 100;

function briefly<T>(read: () => T): () => T {
  let seen: { readonly value: T; readonly at: number } | undefined;
  return () => {
    const now = performance.now();
    if (!seen || now - seen.at > SAME_ANSWER_MS) seen = { value: read(), at: now };
    return seen.value;
  };
}

export function metricsSources(given: MetricsParts): readonly MetricSource[] {
  const state = {
    status: briefly(given.state.status),
    mirrors: briefly(given.state.mirrors),
    repositories: briefly(given.state.repositories),
  };
  const parts = { ...given, state };
  const { watchers, clock } = parts;
  const health = () => state.status().health.state;
  return [
    gauge("info", "1; the version is a label.", () => [{ labels: { version: state.status().version }, value: 1 }], [
      "version",
    ]),
    gauge("healthy", "1 while the server can serve.", () => (health() === "unavailable" ? 0 : 1)),
    gauge("degraded", "1 while the store takes no files.", () => (health() === "degraded" ? 1 : 0)),
    ...requestMetrics(parts),
    ...fetchMetrics(parts),
    ...mirrorMetrics(parts),
    ...storeMetrics(parts),
    ...treeMetrics(parts),
    gauge("event_streams", "Pages and programs that watch by server-sent events.", watchers),
    ...processMetrics(clock.now()),
  ];
}
