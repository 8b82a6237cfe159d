/**
 * Adds up what the dashboard and the commands show of requests and bytes: "saved" is what was sent without another download.
 */
import type { Totals } from "../api/schemas.ts";
import type { Measures } from "../index/statistics.ts";

/** Adds up what was requested, sent, saved and fetched. */
export function countsOf(counts: Measures) {
  const { hits, misses, joined, absent, failed, refused, other } = counts;
  return {
    requests: hits + misses + joined + absent + failed + refused + other,
    hits,
    misses,
    joined,
    absent,
    failed,
    refused,
    bytes_sent: counts.hitBytes + counts.missBytes + counts.joinedBytes,
    bytes_saved: counts.hitBytes + counts.joinedBytes,
    bytes_fetched: counts.mirrorBytes + counts.uriBytes,
  };
}

/** Returns the same with the share of hits. */
export function totalsOf(counts: Measures): Totals {
  const { hits, misses, joined } = counts;
  const served = hits + misses + joined;
  return { ...countsOf(counts), hit_ratio: served === 0 ? null : (hits + joined) / served };
}
