/**
 * `portcache status [--watch]`: how the store does, once or until the user has seen enough.
 */

import type { Downloads, Status, Totals } from "../api/schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { formatBytes, formatCount, formatSpan, plural } from "../lib/format.ts";
import { readStoredStatus, type StoreStatus } from "../status/stored-status.ts";
import { EXIT_FAILED, EXIT_INTERRUPTED, InterruptedError, untilInterrupted } from "./exit.ts";
import { alignColumns, type Output } from "./output.ts";
import { fit } from "./progress.ts";
import { readFromServer, ServerUnreachableError } from "./server-client.ts";

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

function headline({ running, locked, uptime_seconds, health, version }: StoreStatus, paint: Output["paint"]): string {
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
  if (requests === 0) return "no requests yet";
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

function storeLines({ store }: StoreStatus, { unicode }: Screen): readonly (readonly [string, string])[] {
  const { files, bytes, max_bytes, free_bytes, location } = store;
  const limit =
    max_bytes === null ? "" : ` of ${formatBytes(max_bytes)} ${bar(bytes / max_bytes, SHORT_BAR_COLUMNS, unicode)}`;
  return [
    ["Store", `${formatBytes(bytes)}${limit} in ${plural(files, "file")}, ${formatBytes(free_bytes)} free`],
    ["", location],
  ];
}

function downloadLines({ downloads, downloads_active }: StoreStatus, { paint, width, unicode }: Screen): string[] {
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

export function renderStatus(report: StoreStatus, screen: Screen): string {
  const { all_time, since_start, repositories, mirrors, downloads_active, downloads_waiting } = report;
  const { paint } = screen;
  const rows: (readonly [string, string])[] = [
    ...storeLines(report, screen),
    ["Hit ratio", hits(all_time)],
    ["Saved", saved(all_time)],
  ];
  if (since_start !== null && since_start.requests > 0) rows.push(["", `since start: ${hits(since_start)}`]);
  const { total, packages, distfiles, scanned } = repositories;
  const reading = report.running && !scanned ? ", scanning" : "";
  rows.push([
    "Repositories",
    total === 0
      ? paint("yellow", "none")
      : `${formatCount(total)}, ${plural(packages, "package")}, ${plural(distfiles, "distfile")}${reading}`,
  ]);
  if (mirrors) {
    const { configured, down } = mirrors;
    const bad = down === 0 ? "" : paint("red", `, ${formatCount(down)} down`);
    rows.push(["Mirrors", `${formatCount(configured)}${bad}`]);
  }
  if (report.running) {
    const waiting = downloads_waiting === 0 ? "" : `, ${formatCount(downloads_waiting)} waiting for a slot`;
    rows.push(["Downloads", downloads_active === 0 ? "none" : `${formatCount(downloads_active)} active${waiting}`]);
  }
  const lines = alignColumns(rows.map(([label, value]) => [paint("bold", label), value]));
  return [headline(report, paint), ...lines, ...downloadLines(report, screen)].join("\n");
}

/** @throws {ServerUnreachableError} when a server runs but cannot be asked */
async function readStatus(loaded: LoadedConfig, signal: AbortSignal): Promise<StoreStatus> {
  const { location } = loaded.config.storage;
  // The server is this very program: its answers are as the schemas have them.
  const status = (await readFromServer(location, "/api/v1/status", signal)) as Status | undefined;
  const live = (await readFromServer(location, "/api/v1/downloads", signal)) as Downloads | undefined;
  if (!status || !live) return readStoredStatus(loaded);
  const { downloads: counts, version, store, all_time, since_start, uptime_seconds, ...rest } = status;
  const { health, repositories, in_flight, read_ahead, mirrors } = rest;
  return {
    running: true,
    locked: true,
    version,
    ...{ store, all_time, since_start, uptime_seconds, health, repositories, in_flight, read_ahead, mirrors },
    downloads: live.downloads,
    downloads_active: counts.active,
    downloads_waiting: counts.waiting,
  };
}

export interface StatusOptions {
  readonly watch: boolean;
  readonly json: boolean;
  readonly unicode: boolean;
}

const EVERY_MS = 1000;

/**
 * The terminal's other screen, without a cursor, where long lines are cut; what was there before comes back at the end
 * (xterm's ctlseqs, DECSET 1049, 25 and 7).
 */
const OTHER_SCREEN = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const FIRST_SCREEN = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

function exitCode({ health }: StoreStatus): number {
  return health?.state === "unavailable" ? EXIT_FAILED : 0;
}

/** No more lines than the terminal has, each cleared to its end, so that nothing flickers. */
function frame(text: string, rows: number): string {
  const lines = text.split("\n").slice(0, Math.max(1, rows - 1));
  return HOME + lines.map((line) => line + CLEAR_LINE).join("\r\n") + CLEAR_BELOW;
}

/** Where the server comes and goes that is to be seen, and no reason to stop. */
async function orTrouble(look: () => Promise<string>): Promise<string> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ServerUnreachableError) return error.message;
    throw error;
  }
}

async function watch(look: () => Promise<string>, output: Output, signal: AbortSignal): Promise<void> {
  const { stdout } = process;
  if (!stdout.isTTY) {
    for (;;) {
      output.out(await look());
      await systemClock.sleep(EVERY_MS, signal);
    }
  }
  let last = "";
  stdout.write(OTHER_SCREEN);
  try {
    for (;;) {
      last = await orTrouble(look);
      stdout.write(frame(last, stdout.rows ?? 24));
      await systemClock.sleep(EVERY_MS, signal);
    }
  } finally {
    stdout.write(FIRST_SCREEN);
    if (last !== "") output.out(last);
  }
}

/** @returns the exit code */
export async function status(loaded: LoadedConfig, options: StatusOptions, output: Output): Promise<number> {
  const signal = untilInterrupted();
  let exit = 0;

  async function look(): Promise<string> {
    const report = await readStatus(loaded, signal);
    exit = exitCode(report);
    // One line each where many follow.
    if (options.json) return JSON.stringify(report, null, options.watch ? 0 : 2);
    const width = process.stdout.columns ?? 120;
    return renderStatus(report, { paint: output.paint, width, unicode: options.unicode });
  }

  try {
    if (options.watch) await watch(look, output, signal);
    else output.out(await look());
    return exit;
  } catch (error) {
    if (error instanceof InterruptedError) return EXIT_INTERRUPTED;
    if (!(error instanceof ServerUnreachableError)) throw error;
    output.err(`portcache: ${error.message}`);
    return EXIT_FAILED;
  }
}
