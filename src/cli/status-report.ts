/**
 * A store's state as people read it (pure).
 */
import type { Totals } from "../api/schemas.ts";
import { formatBytes, formatCount, formatSpan, plural } from "../lib/format.ts";
import { alignColumns, type Output } from "./output.ts";
import { fit } from "./progress.ts";
import type { StatusReport } from "./status-state.ts";

export interface Screen {
  readonly paint: Output["paint"];
  /** Columns. */
  readonly width: number;
  /** Whether block characters can be shown. */
  readonly unicode: boolean;
}

const BAR_COLUMNS = 20;
const SHORT_BAR_COLUMNS = 10;
/** A terminal of this width is narrow. */
const NARROW = 100;
const NAME_COLUMNS = 40;

export function bar(fraction: number, columns: number, unicode: boolean): string {
  const [full, empty] = unicode ? ["█", "░"] : ["#", "-"];
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * columns);
  return full.repeat(filled) + empty.repeat(columns - filled);
}

function headline({ running, locked, uptime_seconds, health, version }: StatusReport, paint: Output["paint"]): string {
  if (!running) {
    const why = locked ? "a command holds the store, or a server is starting" : "no server runs on this store";
    return `${paint("bold", `portcache ${version}`)}: ${paint("yellow", why)}`;
  }
  const style = { ok: "green", degraded: "yellow", unavailable: "red" } as const;
  const state = health?.state ?? "ok";
  const reason = health?.reason ? `: ${health.reason}` : "";
  const since = formatSpan((uptime_seconds ?? 0) * 1000);
  return `${paint("bold", `portcache ${version}`)}: ${paint(style[state], `${state}${reason}`)}, up ${since}`;
}

function percent(ratio: number | null): string {
  return ratio === null ? "-" : `${(ratio * 100).toFixed(1)} %`;
}

function hits({ requests, hit_ratio, hits: stored, joined, misses, absent, failed }: Totals): string {
  if (requests === 0) return "no file was asked for yet";
  const parts = [plural(stored, "hit")];
  if (joined > 0) parts.push(`${formatCount(joined)} joined`);
  parts.push(plural(misses, "miss", "misses"));
  if (absent > 0) parts.push(`${formatCount(absent)} absent`);
  if (failed > 0) parts.push(`${formatCount(failed)} failed`);
  return `${percent(hit_ratio)} (${parts.join(", ")})`;
}

function saved({ bytes_saved, bytes_sent, bytes_fetched }: Totals): string {
  return `${formatBytes(bytes_saved)} of ${formatBytes(bytes_sent)} sent, ${formatBytes(bytes_fetched)} fetched`;
}

function storeLines({ store }: StatusReport, { unicode }: Screen): readonly (readonly [string, string])[] {
  const { files, bytes, max_bytes, free_bytes, location } = store;
  const limit =
    max_bytes === null ? "" : ` of ${formatBytes(max_bytes)} ${bar(bytes / max_bytes, SHORT_BAR_COLUMNS, unicode)}`;
  return [
    ["Store", `${formatBytes(bytes)}${limit} in ${plural(files, "file")}, ${formatBytes(free_bytes)} free`],
    ["", location],
  ];
}

function downloadLines({ downloads, downloads_active }: StatusReport, { paint, width, unicode }: Screen): string[] {
  const narrow = width < NARROW;
  const rows = downloads.map(({ file, size, bytes, bytes_per_second, eta_seconds, state }) => {
    const name = fit(file, Math.min(NAME_COLUMNS, Math.max(12, width - (narrow ? 56 : 70))), unicode).trimEnd();
    const columns = narrow ? SHORT_BAR_COLUMNS : BAR_COLUMNS;
    const drawn = size === null ? " ".repeat(columns) : bar(size === 0 ? 1 : bytes / size, columns, unicode);
    const amount = size === null ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(size)}`;
    if (state !== "fetching") return [`  ${name}`, drawn, amount, paint("dim", state)];
    const rest = eta_seconds === null ? "" : formatSpan(eta_seconds * 1000);
    return [`  ${name}`, drawn, amount, `${formatBytes(bytes_per_second)}/s`, rest];
  });
  const lines = [...alignColumns(rows)];
  if (downloads_active > downloads.length) {
    lines.push(paint("dim", `  … and ${formatCount(downloads_active - downloads.length)} more`));
  }
  return lines;
}

export function renderStatus(report: StatusReport, screen: Screen): string {
  const { all_time, since_start, repositories, mirrors, downloads_active, downloads_waiting } = report;
  const { paint } = screen;
  const rows: (readonly [string, string])[] = [
    ...storeLines(report, screen),
    ["Hit ratio", hits(all_time)],
    ["Saved", saved(all_time)],
  ];
  if (since_start !== null && since_start.requests > 0) rows.push(["", `since the start: ${hits(since_start)}`]);
  const { trees, packages, distfiles, scanned } = repositories;
  const reading = report.running && !scanned ? ", being read" : "";
  rows.push([
    "Trees",
    trees === 0
      ? paint("yellow", "none")
      : `${formatCount(trees)}, ${plural(packages, "package")}, ${plural(distfiles, "distfile")}${reading}`,
  ]);
  if (mirrors) {
    const { configured, out_of_order } = mirrors;
    const bad = out_of_order === 0 ? "" : paint("red", `, ${formatCount(out_of_order)} out of order`);
    rows.push(["Mirrors", `${formatCount(configured)}${bad}`]);
  }
  if (report.running) {
    const waiting = downloads_waiting === 0 ? "" : `, ${formatCount(downloads_waiting)} waiting for a place`;
    rows.push(["Downloads", downloads_active === 0 ? "none" : `${formatCount(downloads_active)} under way${waiting}`]);
  }
  const lines = alignColumns(rows.map(([label, value]) => [paint("bold", label), value]));
  return [headline(report, paint), ...lines, ...downloadLines(report, screen)].join("\n");
}
