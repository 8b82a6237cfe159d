/**
 * Describes mirrors and hosts of SRC_URI for the API and for `portcache mirrors` (pure).
 */

import type { Mirror } from "../api/schemas.ts";
import { maskCredentials } from "../lib/url.ts";
import { aged, circuitOf, firstByteWithin, successRate } from "../mirrors/host-stats.ts";
import type { Remembered } from "../mirrors/hosts.ts";

function round(value: number | undefined, digits = 0): number | null {
  return value === undefined ? null : Number(value.toFixed(digits));
}

function iso(ms: number | undefined): string | null {
  return ms === undefined || ms === 0 ? null : new Date(ms).toISOString();
}

export function reportOf(
  { place, known: remembered, askedAt, carrying }: Remembered,
  kind: Mirror["kind"],
  serverRuns: boolean,
  now: number,
): Mirror {
  const known = aged(remembered, now);
  const { delivered, absent, failed } = known;
  return {
    url: maskCredentials(place),
    kind,
    bytes_per_second: round(known.bytesPerSecond),
    first_byte_ms: { p50: round(firstByteWithin(known, 0.5)), p95: round(firstByteWithin(known, 0.95)) },
    success_rate: round(successRate(known), 3),
    requests: { delivered: round(delivered, 1) ?? 0, absent: round(absent, 1) ?? 0, failed: round(failed, 1) ?? 0 },
    // One that works on its way back is told by its transfers.
    circuit: circuitOf(known, 0, now),
    open_until: iso(known.openUntil),
    transfers: serverRuns ? carrying : null,
    last_request_at: iso(askedAt),
  };
}
