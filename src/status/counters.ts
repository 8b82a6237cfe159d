/**
 * Counts in memory what /metrics alone shows.
 */
import type { DownloadOutcome } from "../cache/fetch-history.ts";
import type { CountedOutcome } from "../distfile/response-outcome.ts";
import type { RequestOutcome } from "../distfile/source.ts";
import type { CleanUpReport } from "../eviction/evict.ts";
import type { Reason } from "../eviction/policy.ts";
import { createHistogram, type Histogram } from "../lib/histogram.ts";

/** Outcomes that send a file. */
export type ServedOutcome = Extract<CountedOutcome, "hit" | "miss" | "joined">;
export type SourceKind = "mirror" | "src_uri";

/** Histograms are in seconds. */
export interface Counters {
  readonly firstByte: Readonly<Record<ServedOutcome, Histogram>>;
  readonly downloads: Readonly<Record<DownloadOutcome, Histogram>>;
  readonly resolving: Histogram;
  readonly upstreamRequests: Readonly<Record<SourceKind, Readonly<Record<RequestOutcome, number>>>>;
  readonly evicted: Readonly<Record<Reason, { readonly files: number; readonly bytes: number }>>;
  countUpstreamRequest(kind: SourceKind, outcome: RequestOutcome): void;
  countEvicted(report: Pick<CleanUpReport, "byReason">): void;
  /** Returns the same function, whose time is measured. */
  measureResolving<A extends readonly unknown[], R>(resolve: (...given: A) => Promise<R>): (...given: A) => Promise<R>;
}

/** From a hit out of memory to the time that clients wait at most. */
const FIRST_BYTE_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 45];
const DOWNLOAD_BOUNDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];
/** Ebuilds may have to be sourced, for 20 s at most each. */
const RESOLVING_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60];

function noRequests(): Record<RequestOutcome, number> {
  return { delivered: 0, absent: 0, different: 0, corrupt: 0, failed: 0, unreachable: 0, late: 0, cancelled: 0 };
}

export function createCounters(): Counters {
  const firstByte = () => createHistogram(FIRST_BYTE_BOUNDS);
  const download = () => createHistogram(DOWNLOAD_BOUNDS);
  const resolving = createHistogram(RESOLVING_BOUNDS);
  const upstreamRequests = { mirror: noRequests(), src_uri: noRequests() };
  const evicted = { orphan: { files: 0, bytes: 0 }, age: { files: 0, bytes: 0 }, space: { files: 0, bytes: 0 } };
  return {
    firstByte: { hit: firstByte(), miss: firstByte(), joined: firstByte() },
    downloads: { stored: download(), "passed-through": download(), failed: download() },
    resolving,
    upstreamRequests,
    evicted,
    countUpstreamRequest(kind, outcome) {
      upstreamRequests[kind][outcome]++;
    },
    countEvicted({ byReason }) {
      for (const reason of ["orphan", "age", "space"] as const) {
        evicted[reason].files += byReason[reason].files;
        evicted[reason].bytes += byReason[reason].bytes;
      }
    },
    measureResolving:
      (resolve) =>
      async (...given) => {
        const startedAt = performance.now();
        try {
          return await resolve(...given);
        } finally {
          resolving.observe((performance.now() - startedAt) / 1000);
        }
      },
  };
}
