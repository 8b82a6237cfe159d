/**
 * Downloads under way as the API shows them: with what each source gives, and how fast the file has come lately.
 */

import type { DownloadState, Downloads, UpstreamRequest } from "../api/schemas.ts";
import type { FetchHistory, FetchRequestEntry } from "../cache/fetch-history.ts";
import type { Download } from "../fetch/download.ts";
import type { Clock } from "../lib/clock.ts";

export function iso(at: number): string {
  return new Date(at).toISOString();
}

export function upstreamRequest(one: FetchRequestEntry, now: number): UpstreamRequest {
  return {
    source: one.source,
    started_at: iso(one.askedAt),
    first_byte_ms: one.firstByteMs === undefined ? null : Math.round(one.firstByteMs),
    bytes: one.bytes,
    duration_ms: Math.max(0, (one.endedAt ?? now) - one.askedAt),
    outcome: one.outcome ?? null,
  };
}

interface Sample {
  readonly at: number;
  readonly bytes: number;
  readonly bytesPerSecond: number | undefined;
}

/** Samples closer to each other tell nothing of a speed. */
const SAMPLE_MS = 400;
const SAMPLE_SHARE = 0.4;

/** More nobody looks at, and those who watch get all of it every second. */
const MAX_LISTED = 100;
const MAX_SOURCES = 6;

export interface LiveDownloads {
  /** Those that wait for a place last. */
  now(): Downloads;
  /** Of this file alone. */
  of(name: string): DownloadState | undefined;
}

export function createLiveDownloads(
  downloads: () => readonly Download[],
  fetchHistory: Pick<FetchHistory, "of">,
  clock: Clock,
): LiveDownloads {
  let samples = new Map<Download, Sample>();

  /** Smoothed from one asking to the next; over its whole life before the second. What an earlier run left is no speed. */
  function speedOf(download: Download, received: number, now: number): number {
    const { startedAt } = download;
    const before = samples.get(download) ?? { at: startedAt, bytes: 0, bytesPerSecond: undefined };
    const ms = now - before.at;
    if (ms < SAMPLE_MS) return before.bytesPerSecond ?? (1000 * received) / Math.max(1, now - startedAt);
    const lately = Math.max(0, (1000 * (received - before.bytes)) / ms);
    const smooth =
      before.bytesPerSecond === undefined
        ? lately
        : before.bytesPerSecond + SAMPLE_SHARE * (lately - before.bytesPerSecond);
    samples.set(download, { at: now, bytes: received, bytesPerSecond: smooth });
    return smooth;
  }

  function describe(download: Download, now: number): DownloadState {
    const { name, phase, size = null, hereBytes, startedAt, readers } = download;
    const [latest] = fetchHistory.of(name);
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
      upstream_requests: latest?.requests.slice(-MAX_SOURCES).map((one) => upstreamRequest(one, now)) ?? [],
    };
  }

  return {
    now() {
      const now = clock.now();
      const under = downloads();
      const listed = [
        ...under.filter(({ phase }) => phase !== "waiting"),
        ...under.filter(({ phase }) => phase === "waiting"),
      ].slice(0, MAX_LISTED);
      const states = listed.map((download) => describe(download, now));
      samples = new Map([...samples].filter(([download]) => listed.includes(download)));
      return { at: iso(now), total: under.length, downloads: states };
    },
    of(name) {
      const download = downloads().find((one) => one.name === name);
      return download && describe(download, clock.now());
    },
  };
}
