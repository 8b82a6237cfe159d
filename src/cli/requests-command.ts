/**
 * Prints for `portcache requests` who asked the server for which file and what came of it, the latest last, and with --follow what
 * comes from then on.
 */
import { type RequestReport, RequestsSchema } from "../api/request-schemas.ts";
import type { LoadedConfig } from "../config/load.ts";
import { COUNTED_OUTCOMES } from "../distfile/response-outcome.ts";
import { systemClock } from "../lib/clock.ts";
import { formatBytes } from "../lib/format.ts";
import { requireStore } from "../store/require-store.ts";
import { type CommandOptions, UsageError, wrongValue } from "./args.ts";
import { EXIT_FAILED, EXIT_INTERRUPTED, InterruptedError, untilInterrupted } from "./exit.ts";
import type { Output } from "./output.ts";
import { readFromServer } from "./server-client.ts";

const EVERY_MS = 1_000;
const PER_PAGE = 500;
const SHOWN = 50;
/** The longest IPv4 address, and the longest outcome. */
const CLIENT_COLUMNS = 15;
const OUTCOME_COLUMNS = 8;
const SIZE_COLUMNS = 8;

/** No server runs on the store. */
class NoServerError extends Error {}

type Filter = Readonly<Record<string, string>>;

/** @throws {UsageError} */
function filterOf(options: CommandOptions): Filter {
  const given = ["client", "outcome", "file", "package"].flatMap((name): [string, string][] => {
    const value = options[name];
    return typeof value === "string" ? [[name, value]] : [];
  });
  const { outcome, package: named } = Object.fromEntries(given);
  const outcomes: readonly string[] = COUNTED_OUTCOMES;
  if (outcome !== undefined && !outcomes.includes(outcome))
    throw wrongValue("--outcome", outcome, `one of ${outcomes.join(", ")}`);
  if (named !== undefined && !/^[^/]+\/[^/]+$/.test(named)) throw wrongValue("--package", named, "CATEGORY/PACKAGE");
  const empty = given.find(([, value]) => value === "");
  if (empty) throw new UsageError(`--${empty[0]}: expected a value, got nothing`);
  return Object.fromEntries(given);
}

/** @throws {UsageError} */
function limitOf(options: CommandOptions): number {
  const given = options["limit"];
  if (given === undefined) return SHOWN;
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > PER_PAGE)
    throw wrongValue("--limit", String(given), `a whole number from 1 to ${PER_PAGE}`);
  return limit;
}

const twoDigits = (value: number) => String(value).padStart(2, "0");

/** The local time, with the day where that is another one. */
function timeText(at: string, now: number): string {
  const date = new Date(at);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())} ${time}`;
}

const STYLES: Partial<Readonly<Record<RequestReport["outcome"], "red" | "yellow" | "green">>> = {
  hit: "green",
  joined: "green",
  absent: "yellow",
  failed: "red",
  refused: "red",
};

function lineOf(request: RequestReport, paint: Output["paint"], now: number): string {
  const { at, client, outcome, bytes, file } = request;
  const padded = outcome.padEnd(OUTCOME_COLUMNS);
  const style = STYLES[outcome];
  return [
    timeText(at, now),
    client.padEnd(CLIENT_COLUMNS),
    style === undefined ? padded : paint(style, padded),
    formatBytes(bytes).padStart(SIZE_COLUMNS),
    file,
  ].join("  ");
}

/** @throws {UsageError} @throws {ServerUnreachableError} @throws {NoStoreError} */
export async function requests(
  loaded: LoadedConfig,
  options: CommandOptions,
  json: boolean,
  output: Output,
): Promise<number> {
  const { location } = loaded.config.storage;
  const filter = filterOf(options);
  const limit = limitOf(options);
  const signal = untilInterrupted();
  requireStore(location);

  async function read(query: Filter) {
    const path = `/api/v1/requests?${new URLSearchParams({ ...filter, ...query })}`;
    const found = await readFromServer(location, path, RequestsSchema, signal);
    if (!found) throw new NoServerError(`No server runs on the store ${location}: it has the requests`);
    if (!found.recorded)
      throw new NoServerError("Requests are not kept: [log] requests is 0, or [server] client_statistics is off");
    if (found.problem !== null) throw new NoServerError(`Cannot read the request history: ${found.problem}`);
    return found;
  }

  /** Reads pages until there are enough. @returns oldest first */
  async function latest(most: number, query: Filter = {}): Promise<RequestReport[]> {
    const found: RequestReport[] = [];
    let before: Filter = {};
    while (found.length < most) {
      const page = await read({ ...query, ...before, limit: String(Math.min(PER_PAGE, most - found.length)) });
      found.push(...page.requests);
      if (page.next === null) break;
      before = { before: page.next };
    }
    return found.reverse();
  }

  function print(found: readonly RequestReport[]): void {
    if (found.length === 0) return;
    const now = Date.now();
    const lines = found.map((one) => (json ? JSON.stringify(one) : lineOf(one, output.paint, now)));
    output.out(lines.join("\n"));
  }

  try {
    const found = await latest(limit);
    if (json && !options["follow"]) output.out(JSON.stringify(found, null, 2));
    else print(found);
    if (!options["follow"] && found.length === 0 && !json) output.err("No such requests.");
    let last = found.at(-1)?.id ?? (await read({ limit: "1" })).requests[0]?.id ?? "0";
    while (options["follow"]) {
      await systemClock.sleep(EVERY_MS, signal);
      const news = await latest(Number.POSITIVE_INFINITY, { after: last });
      print(news);
      last = news.at(-1)?.id ?? last;
    }
    return 0;
  } catch (error) {
    if (error instanceof InterruptedError) return EXIT_INTERRUPTED;
    if (!(error instanceof NoServerError)) throw error;
    output.err(`portcache: ${error.message}`);
    return EXIT_FAILED;
  }
}
