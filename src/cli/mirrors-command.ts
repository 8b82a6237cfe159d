/**
 * Prints for `portcache mirrors` what was measured of each mirror and host: what the server on the store knows now, else what
 * the last one left in the index. Changes nothing.
 */
import { type Mirror, MirrorsSchema } from "../api/schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { HostRecord } from "../distfile/mirror-records.ts";
import { readHosts } from "../index/hosts.ts";
import { formatCount, formatMilliseconds, formatPercent, formatSpeed } from "../lib/format.ts";
import { NO_STATS } from "../mirrors/host-stats.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import { mirrorLabel, mirrorName } from "../status/labels.ts";
import { describeMirror } from "../status/mirror-report.ts";
import { isStoreLocked } from "../store/lock.ts";
import { requireStore } from "../store/require-store.ts";
import { alignColumns, GAP, type Output } from "./output.ts";
import { fit } from "./progress.ts";
import { readFromServer } from "./server-client.ts";

const UNKNOWN = "-";
const STYLES = { good: "green", warn: "yellow", bad: "red", idle: "dim" } as const;
/** A terminal that has fewer for the names shows no details of the states. */
const MIN_NAME_COLUMNS = 24;

interface Screen {
  readonly paint: Output["paint"];
  /** Undefined where lines may be of any length. */
  readonly columns: number | undefined;
  readonly unicode: boolean;
}

/** Returns the cells beside the name. */
function figures(mirror: Mirror, now: number, withDetail: boolean, paint: Output["paint"]): readonly string[] {
  const { bytes_per_second, first_byte_ms, success_rate, transfers } = mirror;
  const { tone, text, detail } = mirrorLabel(mirror, now);
  const parts = [text, withDetail ? detail : "", transfers ? `${formatCount(transfers)} active` : ""];
  return [
    paint(STYLES[tone], parts.filter((part) => part !== "").join(", ")),
    first_byte_ms.p50 === null ? UNKNOWN : formatMilliseconds(first_byte_ms.p50),
    bytes_per_second === null ? UNKNOWN : formatSpeed(bytes_per_second),
    success_rate === null ? UNKNOWN : formatPercent(success_rate),
  ];
}

const TITLES = { mirror: "Configured mirrors", host: "SRC_URI hosts" } as const;

/** The words and columns are those of the dashboard. */
export function render(mirrors: readonly Mirror[], now: number, { paint, columns, unicode }: Screen): string {
  if (mirrors.length === 0) return "No mirrors configured ([fetcher] mirrors).";
  const head = ["Status", "First byte", "Speed", "Success"].map((cell) => paint("bold", cell));
  const table = (withDetail: boolean) =>
    alignColumns([head, ...mirrors.map((one) => figures(one, now, withDetail, paint))]);
  const widest = (lines: readonly string[]) => Math.max(...lines.map((line) => Bun.stringWidth(line)));
  const room = (lines: readonly string[]) =>
    columns === undefined ? Number.POSITIVE_INFINITY : columns - widest(lines) - GAP.length;
  const detailed = table(true);
  const [header = "", ...lines] = room(detailed) >= MIN_NAME_COLUMNS ? detailed : table(false);
  const most = Math.max(MIN_NAME_COLUMNS, room([header, ...lines]));
  const name = ({ url }: Mirror) => {
    const full = mirrorName(url);
    return Bun.stringWidth(full) > most ? fit(full, most, unicode) : full;
  };
  const hasHosts = mirrors.some(({ kind }) => kind === "host");
  const rows = mirrors.flatMap((one, i) => [
    ...(hasHosts && one.kind !== mirrors[i - 1]?.kind ? [[paint("dim", TITLES[one.kind])]] : []),
    [name(one), lines[i] ?? ""],
  ]);
  return alignColumns([[paint("bold", "Mirror"), header], ...rows]).join("\n");
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
export async function mirrors(
  loaded: LoadedConfig,
  { json, unicode }: { readonly json: boolean; readonly unicode: boolean },
  output: Output,
  now: number,
): Promise<number> {
  const { location } = loaded.config.storage;
  const live = await readFromServer(location, "/api/v1/mirrors", MirrorsSchema, new AbortController().signal);
  const all = live?.mirrors ?? readStored(loaded, now);
  const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
  output.out(json ? JSON.stringify(all, null, 2) : render(all, now, { paint: output.paint, columns, unicode }));
  return 0;
}
