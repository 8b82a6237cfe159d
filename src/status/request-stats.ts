/**
 * Keeps account of what the server does: counts, clients, failures, and what happened in each download. Counting is done in
 * memory; flush() writes.
 */
import { createFetchHistory, type FetchHistory } from "../cache/fetch-history.ts";
import type { Config } from "../config/schema.ts";
import type { CountedOutcome, ResponseRecorder } from "../distfile/response-outcome.ts";
import { type ClientCounts, createClientCounts } from "../index/clients.ts";
import { createFailures, type Failures } from "../index/failures.ts";
import type { IndexDatabase } from "../index/open.ts";
import { createStatistics, type Measure, type Statistics } from "../index/statistics.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { memoizeLast } from "../lib/memoize-last.ts";
import { maskCredentials } from "../lib/url.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import { type Counters, createCounters } from "./counters.ts";

/** What keeps account from the start on. */
export interface RequestStats {
  readonly recorder: ResponseRecorder;
  readonly fetchHistory: FetchHistory;
  readonly statistics: Statistics;
  readonly clients: ClientCounts;
  readonly failures: Failures;
  readonly counters: Counters;
  readonly inFlight: number;
  /** Writes what is only in memory. */
  flush(): void;
}

/**
 * What writes all that these hold only in memory; where that fails it is tried again the next time, and told once: a disk
 * that is full is so every five seconds.
 */
export function createFlush(holders: readonly { flush(): void }[], log: Logger): () => void {
  const failing = new Set<unknown>();
  return () => {
    for (const holder of holders) {
      try {
        holder.flush();
        failing.delete(holder);
      } catch (error) {
        if (failing.size === 0) {
          log.error("Cannot record what was counted and learnt, it is kept in memory meanwhile: {error}", { error });
        }
        failing.add(holder);
      }
    }
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
export const BYTE_COLUMNS = { hit: "hitBytes", miss: "missBytes", joined: "joinedBytes" } as const satisfies Partial<
  Record<CountedOutcome, Measure>
>;

function isServed(outcome: CountedOutcome): outcome is keyof typeof BYTE_COLUMNS {
  return outcome in BYTE_COLUMNS;
}

export function createRequestStats(db: IndexDatabase, config: Config, clock: Clock): RequestStats {
  const statistics = createStatistics(db, clock);
  const clients = createClientCounts(db);
  const failures = createFailures(db, clock);
  const meters = createCounters(clock.now);
  // Settings may change while the server runs.
  const labels = memoizeLast((urls: readonly string[]) => new Set(urls.map((url) => maskCredentials(mirrorKey(url)))));
  const isMirror = (source: string) => labels(config.fetcher.mirrors).has(source);
  if (!config.server.client_statistics) clients.clear();
  let inFlight = 0;
  const observer: ResponseRecorder = {
    begin() {
      inFlight++;
    },
    end({ client, outcome, bytes, firstByteMs }) {
      const now = clock.now();
      inFlight--;
      statistics.add(COLUMNS[outcome], 1, now);
      if (isServed(outcome)) {
        statistics.add(BYTE_COLUMNS[outcome], bytes, now);
        meters.firstByte[outcome].observe(firstByteMs / 1000);
      }
      if (config.server.client_statistics && client !== "")
        clients.count(client, outcome === "hit" || outcome === "joined", bytes, now);
    },
    failed: failures.add,
  };
  return {
    recorder: observer,
    fetchHistory: createFetchHistory({
      clock,
      onReceived: (source, bytes) => statistics.add(isMirror(source) ? "mirrorBytes" : "uriBytes", bytes),
      onRequestEnded: (source, outcome) => meters.countRequest(isMirror(source) ? "mirror" : "src_uri", outcome),
      onEnded: (outcome, ms) => meters.downloads[outcome].observe(ms / 1000),
    }),
    statistics,
    clients,
    failures,
    counters: meters,
    get inFlight() {
      return inFlight;
    },
    flush() {
      statistics.flush();
      if (config.server.client_statistics) clients.flush();
      else clients.clear();
      failures.flush();
    },
  };
}
