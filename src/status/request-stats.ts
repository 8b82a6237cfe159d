/**
 * Records what the server does: requests, bytes, clients, failures and the fetch history. Counts in memory, as a hit must not
 * wait for the disk; flush() writes to the index.
 */
import { createFetchHistory, type FetchHistory } from "../cache/fetch-history.ts";
import type { Config } from "../config/schema.ts";
import type { CountedOutcome, ResponseRecorder } from "../distfile/response-outcome.ts";
import { type ClientCounts, createClientCounts } from "../index/clients.ts";
import { createFailureRows, type FailureRows } from "../index/failures.ts";
import { createKindCounts, type KindCounts } from "../index/kind-counts.ts";
import type { IndexDatabase } from "../index/open.ts";
import { createRemovalRows, type RemovalRows } from "../index/removals.ts";
import { createStatistics, type Measure, type Statistics } from "../index/statistics.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import { memoizeLast } from "../lib/memoize-last.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import { type Counters, createCounters, type ServedOutcome } from "./counters.ts";
import type { RequestHistory } from "./request-history.ts";

export interface RequestStats {
  readonly recorder: ResponseRecorder;
  readonly fetchHistory: FetchHistory;
  readonly statistics: Statistics;
  readonly kinds: KindCounts;
  readonly clients: ClientCounts;
  readonly failures: FailureRows;
  readonly removals: RemovalRows;
  readonly counters: Counters;
  /** Requests whose response has not ended. */
  readonly inFlight: number;
  /** Requests since the start that had no line of their own in the log. */
  readonly unlogged: number;
  /** Writes to the index what is only in memory. */
  flush(): void;
}

export interface FlushAll {
  flush(): void;
  /** Returns why the index took no notes the last time; undefined where it did. */
  problem(): string | undefined;
}

/**
 * Flushes all of these together. One that fails is flushed again the next time; the log has one line until all succeed again,
 * because a full disk fails every five seconds.
 */
export function createFlush(recorders: readonly { flush(): void }[], log: Logger): FlushAll {
  const failing = new Map<unknown, string>();
  return {
    flush() {
      for (const recorder of recorders) {
        try {
          recorder.flush();
          failing.delete(recorder);
        } catch (error) {
          if (failing.size === 0) {
            log.error("Cannot write statistics to the index: {error}. They stay in memory until that succeeds.", {
              error,
            });
          }
          failing.set(recorder, reasonOf(error));
        }
      }
    },
    problem: () => failing.values().next().value,
  };
}

/** The column of the statistics for each outcome. */
export const COLUMNS = {
  hit: "hits",
  miss: "misses",
  joined: "joined",
  absent: "absent",
  failed: "failed",
  refused: "refused",
  other: "other",
} as const satisfies Record<CountedOutcome, Measure>;
/** The column for the bytes sent with each outcome that sends a file. */
export const BYTE_COLUMNS = {
  hit: "hitBytes",
  miss: "missBytes",
  joined: "joinedBytes",
} as const satisfies Record<ServedOutcome, Measure>;

function isServed(outcome: CountedOutcome): outcome is ServedOutcome {
  return outcome in BYTE_COLUMNS;
}

/** @param wasClockSet returns whether the clock was set lately */
export function createRequestStats(
  db: IndexDatabase,
  config: Config,
  clock: Clock,
  wasClockSet: () => boolean,
  history: Pick<RequestHistory, "add">,
): RequestStats {
  const statistics = createStatistics(db, clock, wasClockSet);
  const kinds = createKindCounts(db);
  const clients = createClientCounts(db);
  const failures = createFailureRows(db, clock);
  const removals = createRemovalRows(db);
  const counters = createCounters();
  // The configured mirrors may change while the server runs.
  const labels = memoizeLast((urls: readonly string[]) => new Set(urls.map(mirrorKey)));
  const isMirror = (source: string) => labels(config.fetcher.mirrors).has(source);
  if (!config.server.client_statistics) clients.clear();
  let inFlight = 0;
  let unlogged = 0;
  const recorder: ResponseRecorder = {
    begin() {
      inFlight++;
    },
    end({ client, kind, outcome, bytes, firstByteMs }) {
      const now = clock.now();
      inFlight--;
      unlogged++;
      statistics.add(COLUMNS[outcome], 1, now);
      kinds.add(kind, COLUMNS[outcome], 1);
      if (isServed(outcome)) {
        statistics.add(BYTE_COLUMNS[outcome], bytes, now);
        kinds.add(kind, BYTE_COLUMNS[outcome], bytes);
        counters.firstByte[outcome].observe(firstByteMs / 1000);
      }
      if (config.server.client_statistics && client !== "")
        clients.count(client, outcome === "hit" || outcome === "joined", bytes, now);
    },
    logged(record) {
      unlogged--;
      history.add(record);
    },
    failed: failures.add,
  };
  return {
    recorder,
    fetchHistory: createFetchHistory({
      clock,
      onReceived: (source, bytes) => statistics.add(isMirror(source) ? "mirrorBytes" : "uriBytes", bytes),
      onRequestEnded: (source, outcome) =>
        counters.countUpstreamRequest(isMirror(source) ? "mirror" : "src_uri", outcome),
      onEnded: (outcome, ms) => counters.downloads[outcome].observe(ms / 1000),
    }),
    statistics,
    kinds,
    clients,
    failures,
    removals,
    counters,
    get inFlight() {
      return inFlight;
    },
    get unlogged() {
      return unlogged;
    },
    flush() {
      statistics.flush();
      kinds.flush();
      if (config.server.client_statistics) clients.flush();
      else clients.clear();
      failures.flush();
      removals.flush();
    },
  };
}
