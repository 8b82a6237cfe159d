/**
 * Describes the downloads in progress for the API: their sources, their progress, and their speed in the last second.
 */
import type { DownloadState, DownloadsResponse, UpstreamRequestReport } from "../api/schemas.ts";
import type { FetchHistory, FetchRequestEntry } from "../cache/fetch-history.ts";
import type { Download } from "../fetch/download.ts";
import type { Clock } from "../lib/clock.ts";

export function iso(at: number): string {
  return new Date(at).toISOString();
}

export function describeUpstreamRequest(one: FetchRequestEntry, now: number): UpstreamRequestReport {
  return {
    source: one.source,
    started_at: iso(one.askedAt),
    first_byte_ms: one.firstByteMs === undefined ? null : Math.round(one.firstByteMs),
    bytes: one.bytes,
    duration_ms: Math.max(0, (one.endedAt ?? now) - one.askedAt),
    outcome: one.outcome ?? null,
  };
}

interface RateSample {
  readonly at: number;
  readonly bytes: number;
  readonly bytesPerSecond: number | undefined;
}

/** Two samples closer than this are too close to measure a speed. */
const SAMPLE_MS = 400;
/** How much a new sample weighs in the smoothed speed. */
const SAMPLE_WEIGHT = 0.4;

/** Nobody looks at more, and every open page receives all of it each second. */
const MAX_LISTED = 100;
const MAX_SOURCES = 6;

export interface ActiveDownloads {
  /** Returns all downloads, those that wait for a download slot last. */
  all(): DownloadsResponse;
  /** Returns the download of a file. */
  find(file: string): DownloadState | undefined;
}

export function createActiveDownloads(
  downloads: () => readonly Download[],
  fetchHistory: Pick<FetchHistory, "latestOf">,
  clock: Clock,
): ActiveDownloads {
  let samples = new Map<Download, RateSample>();

  /** Returns the speed, smoothed from call to call; the first calls return the average since the start. Bytes of an earlier run do not count. */
  function speedOf(download: Download, received: number, now: number): number {
    const { startedAt } = download;
    const before = samples.get(download) ?? { at: startedAt, bytes: 0, bytesPerSecond: undefined };
    const ms = now - before.at;
    if (ms < SAMPLE_MS) return before.bytesPerSecond ?? (1000 * received) / Math.max(1, now - startedAt);
    const latest = Math.max(0, (1000 * (received - before.bytes)) / ms);
    const smoothed =
      before.bytesPerSecond === undefined
        ? latest
        : before.bytesPerSecond + SAMPLE_WEIGHT * (latest - before.bytesPerSecond);
    samples.set(download, { at: now, bytes: received, bytesPerSecond: smoothed });
    return smoothed;
  }

  function describeDownload(download: Download, now: number): DownloadState {
    const { name, phase, size = null, hereBytes, startedAt, readers } = download;
    const latest = fetchHistory.latestOf(name);
    const speed = Math.round(speedOf(download, latest?.receivedBytes ?? 0, now));
    return {
      file: name,
      state: phase,
      size,
      bytes: hereBytes,
      bytes_per_second: speed,
      started_at: iso(startedAt),
      eta_seconds: size === null || speed === 0 ? null : Math.round(Math.max(0, size - hereBytes) / speed),
      clients: readers,
      upstream_requests: latest?.requests.slice(-MAX_SOURCES).map((one) => describeUpstreamRequest(one, now)) ?? [],
    };
  }

  return {
    all() {
      const now = clock.now();
      const current = downloads();
      const listed = [
        ...current.filter(({ phase }) => phase !== "waiting"),
        ...current.filter(({ phase }) => phase === "waiting"),
      ].slice(0, MAX_LISTED);
      const states = listed.map((download) => describeDownload(download, now));
      samples = new Map([...samples].filter(([download]) => listed.includes(download)));
      return { at: iso(now), total: current.length, downloads: states };
    },
    find(file) {
      const download = downloads().find(({ name }) => name === file);
      return download && describeDownload(download, clock.now());
    },
  };
}
