/**
 * Shortens the fetch history of a file: requests to one source that ended alike are summed up, downloads that went alike grouped
 * (pure).
 */
import type { FileDetails } from "../api/file-schemas.ts";
import type { UpstreamRequestReport } from "../api/schemas.ts";

type Entry = FileDetails["fetch_history"][number];

/** Requests of one download to one source that ended alike. */
export interface SourceSummary {
  readonly source: string;
  readonly outcome: UpstreamRequestReport["outcome"];
  readonly times: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** Of the first request that had a byte. */
  readonly firstByteMs: number | null;
}

/** Downloads one after the other that went alike. */
export interface DownloadGroup {
  /** Of the latest. */
  readonly startedAt: string;
  readonly outcome: Entry["outcome"];
  readonly times: number;
  /** Of the latest, in the order in which the sources were asked. */
  readonly sources: readonly SourceSummary[];
}

export function summariseSources(requests: readonly UpstreamRequestReport[]): readonly SourceSummary[] {
  const groups = new Map<string, SourceSummary>();
  for (const { source, outcome, bytes, duration_ms, first_byte_ms } of requests) {
    const key = `${outcome} ${source}`;
    const before = groups.get(key);
    groups.set(key, {
      source,
      outcome,
      times: (before?.times ?? 0) + 1,
      bytes: (before?.bytes ?? 0) + bytes,
      durationMs: (before?.durationMs ?? 0) + duration_ms,
      firstByteMs: before?.firstByteMs ?? first_byte_ms,
    });
  }
  return [...groups.values()];
}

/** How a download went, whichever source was asked first, and how often. */
function courseOf(outcome: Entry["outcome"], sources: readonly SourceSummary[]): string {
  return [outcome, ...sources.map(({ source, outcome: end }) => `${end} ${source}`).toSorted()].join("\n");
}

/** @param history the newest first, as the API sends it */
export function groupDownloads(history: readonly Entry[]): readonly DownloadGroup[] {
  const groups: DownloadGroup[] = [];
  let course = "";
  for (const { started_at, outcome, upstream_requests } of history) {
    const sources = summariseSources(upstream_requests);
    const own = courseOf(outcome, sources);
    const before = groups.at(-1);
    if (before && own === course) groups[groups.length - 1] = { ...before, times: before.times + 1 };
    else groups.push({ startedAt: started_at, outcome, times: 1, sources });
    course = own;
  }
  return groups;
}
