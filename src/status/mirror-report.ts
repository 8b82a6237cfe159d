/**
 * What is known of mirrors and hosts, and how people and programs read it (pure).
 */

import { maskCredentials } from "../lib/url.ts";
import { aged, type Circuit, circuitOf, firstByteWithin, successRate } from "../mirrors/host-stats.ts";
import type { Remembered } from "../mirrors/hosts.ts";

export interface PlaceReport {
  /** A mirror's URL, or the origin of a host of SRC_URI, without credentials. */
  readonly place: string;
  readonly kind: "mirror" | "host";
  /** Null where nothing is known yet, as below. */
  readonly bytes_per_second: number | null;
  readonly first_byte_ms: { readonly p50: number | null; readonly p95: number | null };
  /** 0 to 1; having no such file is an answer like any other. */
  readonly success_rate: number | null;
  /** Counts in which older requests weigh less. */
  readonly requests: { readonly delivered: number; readonly absent: number; readonly failed: number };
  readonly circuit: Circuit;
  /** When an open circuit lets a request through, ISO 8601. */
  readonly open_until: string | null;
  /** Requests under way; null where no server runs on the store. */
  readonly transfers: number | null;
  readonly last_asked: string | null;
}

function round(value: number | undefined, digits = 0): number | null {
  return value === undefined ? null : Number(value.toFixed(digits));
}

function iso(ms: number | undefined): string | null {
  return ms === undefined || ms === 0 ? null : new Date(ms).toISOString();
}

export function reportOf(
  { place, known: remembered, askedAt, carrying }: Remembered,
  kind: PlaceReport["kind"],
  serverRuns: boolean,
  now: number,
): PlaceReport {
  const known = aged(remembered, now);
  const { delivered, absent, failed } = known;
  return {
    place: maskCredentials(place),
    kind,
    bytes_per_second: round(known.bytesPerSecond),
    first_byte_ms: { p50: round(firstByteWithin(known, 0.5)), p95: round(firstByteWithin(known, 0.95)) },
    success_rate: round(successRate(known), 3),
    requests: { delivered: round(delivered, 1) ?? 0, absent: round(absent, 1) ?? 0, failed: round(failed, 1) ?? 0 },
    // One that works on its way back is told by its transfers.
    circuit: circuitOf(known, 0, now),
    open_until: iso(known.openUntil),
    transfers: serverRuns ? carrying : null,
    last_asked: iso(askedAt),
  };
}
