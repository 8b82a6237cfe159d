/**
 * Adds up what the dashboard and the commands show of requests and bytes: "saved" is what was sent without another download.
 */
import type { KindTotals, Totals } from "../api/schemas.ts";
import { FILE_KINDS, type FileKind } from "../distfile/file-kind.ts";
import type { FileTotals } from "../index/file-list.ts";
import type { KindMeasures } from "../index/kind-counts.ts";
import type { Measures } from "../index/statistics.ts";

/** Adds up what was requested, sent and saved. */
function sentOf(counts: KindMeasures) {
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
  };
}

/** The share of hits among requests that received a file. */
function ratioOf({ hits, misses, joined }: Pick<KindMeasures, "hits" | "misses" | "joined">): number | null {
  const served = hits + misses + joined;
  return served === 0 ? null : (hits + joined) / served;
}

/** Adds up what was requested, sent, saved and fetched. */
export function countsOf(counts: Measures) {
  return { ...sentOf(counts), bytes_fetched: counts.mirrorBytes + counts.uriBytes };
}

/** Returns the same with the share of hits. */
export function totalsOf(counts: Measures): Totals {
  return { ...countsOf(counts), hit_ratio: ratioOf(counts) };
}

/** Returns what was asked for and what is stored, by kind of file. */
export function kindTotals(
  counts: Readonly<Record<FileKind, KindMeasures>>,
  stored: Readonly<Record<FileKind, FileTotals>>,
): KindTotals[] {
  return FILE_KINDS.map((kind) => ({
    kind,
    ...stored[kind],
    ...sentOf(counts[kind]),
    hit_ratio: ratioOf(counts[kind]),
  }));
}
