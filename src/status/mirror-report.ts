/**
 * Describes mirrors and hosts of SRC_URI for the API and for `portcache mirrors` (pure).
 */

import type { Mirror } from "../api/schemas.ts";
import type { HostRecord } from "../distfile/mirror-records.ts";
import { aged, circuitState, firstBytePercentile, successRate } from "../mirrors/host-stats.ts";

function round(value: number | undefined, digits = 0): number | null {
  return value === undefined ? null : Number(value.toFixed(digits));
}

function iso(ms: number | undefined): string | null {
  return ms === undefined || ms === 0 ? null : new Date(ms).toISOString();
}

/** @param serverRuns whether a server runs on the store: only then is the number of transfers known */
export function describeMirror(
  { host, stats: stored, lastRequestAt, activeRequests, waitUntil }: HostRecord,
  kind: Mirror["kind"],
  serverRuns: boolean,
  now: number,
): Mirror {
  const stats = aged(stored, now);
  const { delivered, absent, failed } = stats;
  return {
    url: host,
    kind,
    bytes_per_second: round(stats.bytesPerSecond),
    first_byte_ms: { p50: round(firstBytePercentile(stats, 0.5)), p95: round(firstBytePercentile(stats, 0.95)) },
    success_rate: round(successRate(stats), 3),
    requests: { delivered: round(delivered, 1) ?? 0, absent: round(absent, 1) ?? 0, failed: round(failed, 1) ?? 0 },
    // A half-open circuit shows as such while its one request is under way, which counts among the transfers.
    circuit: waitUntil > now ? "waiting" : circuitState(stats, 0, now),
    open_until: iso(waitUntil > now ? waitUntil : stats.openUntil),
    transfers: serverRuns ? activeRequests : null,
    last_request_at: iso(lastRequestAt),
  };
}
