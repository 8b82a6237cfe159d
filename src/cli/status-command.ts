/**
 * Prints for `portcache status [--watch]` the state of the store and its server, once or every second.
 */
import { DownloadsSchema, type KindTotals, StatusSchema, type Totals } from "../api/schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { formatBytes, formatCount, formatDuration, formatPercent, formatSpeed, plural } from "../lib/format.ts";
import { readStoredStatus, type StoreStatus } from "../status/stored-status.ts";
import { NoStoreError } from "../store/require-store.ts";
import { EXIT_FAILED, EXIT_INTERRUPTED, InterruptedError, untilInterrupted } from "./exit.ts";
import { alignColumns, type Output } from "./output.ts";
import { fit } from "./progress.ts";
import { readFromServer, ServerUnreachableError } from "./server-client.ts";

interface Screen {
  readonly paint: Output["paint"];
  readonly columns: number;
  /** Whether block characters can be shown. */
  readonly unicode: boolean;
}

const BAR_COLUMNS = 20;
const SHORT_BAR_COLUMNS = 10;
/** Narrower terminals get short bars. */
const WIDE = 100;
const NAME_COLUMNS = 40;
/** Free inodes are shown when fewer than this many times what is to be left free. */
const INODES_SHOWN = 2;
/** Columns of "100% of 12.3 MiB", "12.3 MiB/s" and "10 min 20 s", with spaces. */
const DETAIL_COLUMNS = 48;

function bar(fraction: number, columns: number, unicode: boolean): string {
  const [full, empty] = unicode ? ["█", "░"] : ["#", "-"];
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * columns);
  return full.repeat(filled) + empty.repeat(columns - filled);
}

function headline({ running, locked, uptime_seconds, health, version }: StoreStatus, paint: Output["paint"]): string {
  if (!running) {
    const why = locked ? "a command is using the store, or a server is starting" : "no server runs on this store";
    return `${paint("bold", `portcache ${version}`)}: ${paint("yellow", why)}`;
  }
  const style = { ok: "green", degraded: "yellow", unavailable: "red" } as const;
  const state = health?.state ?? "ok";
  const reason = health?.reason ? `: ${health.reason}` : "";
  const since = formatDuration((uptime_seconds ?? 0) * 1000);
  return `${paint("bold", `portcache ${version}`)}: ${paint(style[state], `${state}${reason}`)}, up ${since}`;
}

function hits({ requests, hit_ratio, hits: stored, joined, misses, absent, failed }: Totals): string {
  if (requests === 0) return "no requests yet";
  const parts = [plural(stored, "hit")];
  if (joined > 0) parts.push(`${formatCount(joined)} joined`);
  parts.push(plural(misses, "miss", "misses"));
  if (absent > 0) parts.push(`${formatCount(absent)} absent`);
  if (failed > 0) parts.push(`${formatCount(failed)} failed`);
  return `${hit_ratio === null ? "-" : formatPercent(hit_ratio)} (${parts.join(", ")})`;
}

/** Returns whether the counts since the start are others than those of all time: after the first start they are the same. */
function isNews(sinceStart: Totals | null, allTime: Totals): sinceStart is Totals {
  return sinceStart !== null && sinceStart.requests > 0 && sinceStart.requests !== allTime.requests;
}

function saved({ bytes_saved, bytes_sent, bytes_fetched }: Totals): string {
  return `${formatBytes(bytes_saved)} (sent ${formatBytes(bytes_sent)}, fetched ${formatBytes(bytes_fetched)})`;
}

function storeLines({ store }: StoreStatus, { unicode }: Screen): readonly (readonly [string, string])[] {
  const { files, bytes, max_bytes, free_bytes, free_inodes, min_free_inodes, location } = store;
  const isShort = free_inodes !== null && free_inodes < INODES_SHOWN * min_free_inodes;
  const inodes = isShort ? `, ${plural(free_inodes, "inode")} free` : "";
  const limit =
    max_bytes === null ? "" : ` of ${formatBytes(max_bytes)} ${bar(bytes / max_bytes, SHORT_BAR_COLUMNS, unicode)}`;
  return [
    ["Store", `${formatBytes(bytes)}${limit} in ${plural(files, "file")}, ${formatBytes(free_bytes)} free${inodes}`],
    ["", location],
  ];
}

const KIND_LABELS: Readonly<Record<KindTotals["kind"], string>> = {
  distfiles: "Distfiles",
  "binary-packages": "Binary packages",
  snapshots: "Snapshots",
  others: "Other files",
};

/** One line for each kind of mirror file that there is, or was; of distfiles alone all other lines tell. */
function kindLines({ kinds }: StoreStatus): readonly (readonly [string, string])[] {
  return kinds
    .filter(({ kind, files, requests }) => kind !== "distfiles" && (files > 0 || requests > 0))
    .map(({ kind, files, bytes, requests, hit_ratio, bytes_saved }) => [
      KIND_LABELS[kind],
      `${formatBytes(bytes)} in ${plural(files, "file")}, ${plural(requests, "request")}, ${hit_ratio === null ? "-" : formatPercent(hit_ratio)} hits, ${formatBytes(bytes_saved)} saved`,
    ]);
}

function downloadLines({ downloads, downloads_active }: StoreStatus, { paint, columns, unicode }: Screen): string[] {
  const barColumns = columns < WIDE ? SHORT_BAR_COLUMNS : BAR_COLUMNS;
  const nameColumns = Math.min(NAME_COLUMNS, Math.max(12, columns - barColumns - DETAIL_COLUMNS));
  const rows = downloads.map(({ file, size, bytes, bytes_per_second, eta_seconds, state }) => {
    const name = fit(file, nameColumns, unicode).trimEnd();
    const fraction = size === null ? 0 : size === 0 ? 1 : bytes / size;
    const drawn = size === null ? "" : bar(fraction, barColumns, unicode);
    const amount = size === null ? formatBytes(bytes) : `${Math.floor(100 * fraction)}% of ${formatBytes(size)}`;
    if (state !== "fetching") return [`  ${name}`, drawn, amount, paint("dim", state)];
    const left = eta_seconds === null ? "" : formatDuration(eta_seconds * 1000);
    return [`  ${name}`, drawn, amount, formatSpeed(bytes_per_second), left];
  });
  const lines = [...alignColumns(rows)];
  if (downloads_active > downloads.length) {
    lines.push(paint("dim", `  … and ${formatCount(downloads_active - downloads.length)} more`));
  }
  return lines;
}

/** Returns the limit on downloads, and when it holds; empty where there is none. */
function maxRateText(max_rate: StoreStatus["max_rate"]): string {
  if (!max_rate || max_rate.bytes_per_second === null) return "";
  const { bytes_per_second, hours, in_force } = max_rate;
  const when = hours === null ? "" : ` ${hours}${in_force ? "" : ", not now"}`;
  return `at most ${formatSpeed(bytes_per_second)}${when}`;
}

function render(report: StoreStatus, screen: Screen): string {
  const { all_time, since_start, repositories, mirrors, downloads_active, downloads_waiting } = report;
  const { paint } = screen;
  const rows: (readonly [string, string])[] = [
    ...storeLines(report, screen),
    ["Hit ratio", hits(all_time)],
    ...(isNews(since_start, all_time) ? [["", `since start: ${hits(since_start)}`] as const] : []),
    ["Saved", saved(all_time)],
    ...kindLines(report),
  ];
  const { total, packages, distfiles, scanned, synced_bytes } = repositories;
  const synced = synced_bytes === 0 ? "" : `, ${formatBytes(synced_bytes)} synced`;
  const scanning = report.running && !scanned ? " (scanning)" : "";
  rows.push([
    "Repositories",
    total === 0
      ? paint("yellow", "none")
      : `${formatCount(total)}, ${plural(packages, "package")}, ${plural(distfiles, "distfile")}${synced}${scanning}`,
  ]);
  if (mirrors) {
    const { configured, down } = mirrors;
    const unavailable = down === 0 ? "" : paint("red", `, ${formatCount(down)} unavailable`);
    rows.push(["Mirrors", `${formatCount(configured)}${unavailable}`]);
  }
  if (report.running) {
    const waiting = downloads_waiting === 0 ? "" : `, ${formatCount(downloads_waiting)} waiting`;
    rows.push([
      "Downloads",
      downloads_active === 0 ? "none" : `${formatCount(downloads_active)} in progress${waiting}`,
    ]);
    const maxRate = maxRateText(report.max_rate);
    if (maxRate !== "") rows.push(["", maxRate]);
  }
  const lines = alignColumns(rows.map(([label, value]) => [paint("bold", label), value]));
  return [headline(report, paint), ...lines, ...downloadLines(report, screen)].join("\n");
}

/**
 * @throws {ServerUnreachableError} when a server runs but cannot be asked
 * @throws {NoStoreError} when there is neither a server nor a store
 */
async function readStatus(loaded: LoadedConfig, signal: AbortSignal): Promise<StoreStatus> {
  const { location } = loaded.config.storage;
  const status = await readFromServer(location, "/api/v1/status", StatusSchema, signal);
  const live = await readFromServer(location, "/api/v1/downloads", DownloadsSchema, signal);
  if (!status || !live) return readStoredStatus(loaded);
  const { version, store, all_time, kinds, since_start, uptime_seconds, health, repositories } = status;
  const { in_flight, max_rate, read_ahead, mirrors, downloads } = status;
  return {
    running: true,
    locked: true,
    ...{
      version,
      store,
      all_time,
      kinds,
      since_start,
      uptime_seconds,
      health,
      repositories,
      in_flight,
      read_ahead,
      mirrors,
      max_rate,
    },
    downloads: live.downloads,
    downloads_active: downloads.active,
    downloads_waiting: downloads.waiting,
  };
}

interface StatusOptions {
  readonly watch: boolean;
  readonly json: boolean;
  readonly unicode: boolean;
}

const EVERY_MS = 1000;

/** Switches to the alternate screen, without a cursor and without wrapping (xterm's ctlseqs, DECSET 1049, 25 and 7). */
const ALTERNATE_SCREEN = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const NORMAL_SCREEN = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

function exitCode({ health }: StoreStatus): number {
  return health?.state === "unavailable" ? EXIT_FAILED : 0;
}

/** One screen of text; each line is cleared to its end, so that nothing flickers. */
function frame(text: string, rows: number): string {
  const lines = text.split("\n").slice(0, Math.max(1, rows - 1));
  return HOME + lines.map((line) => line + CLEAR_LINE).join("\r\n") + CLEAR_BELOW;
}

/** Returns whether the message says everything the user needs. */
function isExpected(error: unknown): error is Error {
  return error instanceof ServerUnreachableError || error instanceof NoStoreError;
}

/** Watching goes on while the server is away, and shows that it is. */
async function readOrProblem(read: () => Promise<string>): Promise<string> {
  try {
    return await read();
  } catch (error) {
    if (isExpected(error)) return error.message;
    throw error;
  }
}

async function watch(read: () => Promise<string>, output: Output, signal: AbortSignal): Promise<void> {
  const { stdout } = process;
  if (!stdout.isTTY) {
    for (;;) {
      output.out(await read());
      await systemClock.sleep(EVERY_MS, signal);
    }
  }
  let last = "";
  stdout.write(ALTERNATE_SCREEN);
  try {
    for (;;) {
      last = await readOrProblem(read);
      stdout.write(frame(last, stdout.rows ?? 24));
      await systemClock.sleep(EVERY_MS, signal);
    }
  } finally {
    stdout.write(NORMAL_SCREEN);
    if (last !== "") output.out(last);
  }
}

/** @returns the exit code */
export async function status(loaded: LoadedConfig, options: StatusOptions, output: Output): Promise<number> {
  const signal = untilInterrupted();
  let exit = 0;

  async function read(): Promise<string> {
    const report = await readStatus(loaded, signal);
    exit = exitCode(report);
    // With --watch each report is one line.
    if (options.json) return JSON.stringify(report, null, options.watch ? 0 : 2);
    const columns = process.stdout.columns ?? 120;
    return render(report, { paint: output.paint, columns, unicode: options.unicode });
  }

  try {
    if (options.watch) await watch(read, output, signal);
    else output.out(await read());
    return exit;
  } catch (error) {
    if (error instanceof InterruptedError) return EXIT_INTERRUPTED;
    if (!isExpected(error)) throw error;
    output.err(`portcache: ${error.message}`);
    return EXIT_FAILED;
  }
}
