/**
 * Prints for `portcache mirrors` what was measured of each mirror and host: what the server on the store knows now, else what
 * the last one left in the index. Changes nothing.
 */
import { type Mirror, MirrorsSchema } from "../api/schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { HostRecord } from "../distfile/mirror-records.ts";
import { readHosts } from "../index/hosts.ts";
import { NO_STATS } from "../mirrors/host-stats.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import { describeMirror } from "../status/mirror-report.ts";
import { isStoreLocked } from "../store/lock.ts";
import { requireStore } from "../store/require-store.ts";
import { alignColumns, type Output } from "./output.ts";
import { readFromServer } from "./server-client.ts";

const MIB = 1024 * 1024;

function speed(bytesPerSecond: number | null): string {
  if (bytesPerSecond === null) return "-";
  return bytesPerSecond >= MIB
    ? `${(bytesPerSecond / MIB).toFixed(1)} MiB/s`
    : `${(bytesPerSecond / 1024).toFixed(1)} KiB/s`;
}

function stateText({ circuit, open_until }: Mirror, paint: Output["paint"], now: number): string {
  if (circuit === "closed") return paint("green", "available");
  if (circuit === "half-open") return paint("yellow", "recovering");
  const seconds = Math.ceil((Date.parse(open_until ?? "") - now) / 1000);
  return circuit === "waiting"
    ? paint("yellow", `asked to wait ${seconds} s`)
    : paint("red", `unavailable for ${seconds} s`);
}

function render(mirrors: readonly Mirror[], json: boolean, paint: Output["paint"], now: number): string {
  if (json) return JSON.stringify(mirrors, null, 2);
  const rows = mirrors.map((one) => [
    one.url,
    speed(one.bytes_per_second),
    one.first_byte_ms.p50 === null ? "-" : `${one.first_byte_ms.p50} ms`,
    one.first_byte_ms.p95 === null ? "-" : `${one.first_byte_ms.p95} ms`,
    one.success_rate === null ? "-" : `${(100 * one.success_rate).toFixed(1)} %`,
    stateText(one, paint, now),
    one.transfers === null ? "-" : String(one.transfers),
  ]);
  const head = ["Mirror or host", "Speed", "TTFB p50", "p95", "Success", "State", "Active"];
  return alignColumns([head.map((cell) => paint("bold", cell)), ...rows]).join("\n");
}

/** @throws {NoStoreError} */
function readStored({ config }: LoadedConfig, now: number): readonly Mirror[] {
  const { location } = config.storage;
  requireStore(location);
  const records = new Map(readHosts(`${location}/index.sqlite`).map((one) => [one.host, one]));
  const serverRuns = isStoreLocked(location);
  const noRecord = (host: string): HostRecord => ({
    host,
    stats: NO_STATS,
    lastRequestAt: 0,
    activeRequests: 0,
    waitUntil: 0,
  });
  const keys = [...new Set(config.fetcher.mirrors.map(mirrorKey))];
  const configured = keys.map((key) => describeMirror(records.get(key) ?? noRecord(key), "mirror", serverRuns, now));
  const hosts = [...records.values()]
    .filter(({ host }) => !keys.includes(host))
    .toSorted((a, b) => b.lastRequestAt - a.lastRequestAt)
    .map((one) => describeMirror(one, "host", serverRuns, now));
  return [...configured, ...hosts];
}

/**
 * Shows the configured mirrors in their order, then other hosts, the most recently asked first.
 * @throws {ServerUnreachableError} when a server runs but cannot be asked
 * @throws {NoStoreError} when there is neither a server nor a store
 */
export async function mirrors(loaded: LoadedConfig, json: boolean, output: Output, now: number): Promise<number> {
  const { location } = loaded.config.storage;
  const live = await readFromServer(location, "/api/v1/mirrors", MirrorsSchema, new AbortController().signal);
  output.out(render(live?.mirrors ?? readStored(loaded, now), json, output.paint, now));
  return 0;
}
