/**
 * Describes the requests of the history for the API, with the packages that want their files.
 */
import type { RequestsQuery } from "../api/queries.ts";
import type { RequestReport, RequestsResponse } from "../api/request-schemas.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { HistoryRecord } from "../distfile/response-outcome.ts";
import type { RepositoryRows } from "../index/repositories.ts";
import type { FileCount, HistoryEntry, HistoryPage, HistoryQuery } from "../index/request-history.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { iso } from "./active-downloads.ts";

export interface RequestHistory {
  add(record: HistoryRecord): void;
  /** Returns whether requests are kept. */
  isKept(): boolean;
  /** The lowest id that is kept now. */
  oldestId(): number;
  /** Id of the latest entry since the start; 0: there was none. */
  readonly latestId: number;
  /** Requests since the start that could not be taken. */
  readonly leftOut: number;
  /** @throws {Error} where the history can't be read */
  page(query: HistoryQuery): Promise<HistoryPage>;
  /** @throws {Error} where the history can't be read */
  filesOf(client: string, most: number): Promise<readonly FileCount[]>;
}

export interface ClientNames {
  /** Returns the name of a client by what is known now. */
  nameOf(address: string): string | undefined;
  /** Returns the address of a client that is known by this name. */
  addressOf(name: string): string | undefined;
}

export interface RequestReportDeps {
  readonly names: ClientNames;
  readonly history: RequestHistory;
  /** Requests that had no line of their own, as they were too many. */
  readonly unlogged: () => number;
  readonly repositories: Pick<RepositoryRows, "entriesByName" | "entriesOf">;
  readonly locations: () => readonly string[];
}

/** Microseconds since the epoch, as ids are. */
const MICROSECONDS = 1000;

function idOfInstant(instant: string | undefined): number | undefined {
  return instant === undefined ? undefined : Date.parse(instant) * MICROSECONDS;
}

/** Names of the files that any version of a package in any repository wants. */
function namesOf(named: string, { repositories, locations }: RequestReportDeps): readonly string[] {
  const [category = "", name = ""] = named.split("/");
  return [...new Set(locations().flatMap((location) => [...repositories.entriesOf(location, category, name).keys()]))];
}

export function createRequestReport(deps: RequestReportDeps): (query: RequestsQuery) => Promise<RequestsResponse> {
  const { history, repositories, names } = deps;

  function describe({ id, milliseconds, source, ...entry }: HistoryEntry): RequestReport {
    const [by] = repositories.entriesByName(entry.file as FileName);
    return {
      id: String(id),
      at: iso(Math.floor(id / MICROSECONDS)),
      ...entry,
      client_name: names.nameOf(entry.client) ?? null,
      package: by === undefined ? null : `${by.category}/${by.package}`,
      duration_ms: milliseconds,
      source: source === "-" ? null : source,
    };
  }

  return async ({ client, outcome, file, package: named, since, until, before, after, limit }) => {
    const left_out = history.leftOut + deps.unlogged();
    const none = { recorded: history.isKept(), left_out, problem: null, requests: [], next: null };
    if (!none.recorded) return none;
    const query = {
      client: client === undefined ? undefined : (names.addressOf(client) ?? client),
      outcome,
      file,
      files: named === undefined ? undefined : namesOf(named, deps),
      before: Math.min(before ?? Number.MAX_SAFE_INTEGER, idOfInstant(until) ?? Number.MAX_SAFE_INTEGER),
      after: Math.max(after ?? 0, (idOfInstant(since) ?? 0) - 1, history.oldestId() - 1),
      limit,
    };
    try {
      const { entries, next } = await history.page(query);
      return { ...none, requests: entries.map(describe), next: next === undefined ? null : String(next) };
    } catch (error) {
      return { ...none, problem: reasonOf(error) };
    }
  };
}
