/**
 * Records the newest downloads: which sources were asked, how soon and how much each sent, and how it ended. Kept in memory, to
 * explain why a file is stored or is not.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { RequestOutcome, Source, SourceList } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";

/** One request to one source. */
export interface FetchRequestEntry {
  readonly source: string;
  readonly askedAt: number;
  firstByteMs: number | undefined;
  bytes: number;
  endedAt: number | undefined;
  outcome: RequestOutcome | undefined;
}

export type DownloadOutcome = "stored" | "passed-through" | "failed";

/** One download. */
export interface FetchEntry {
  readonly name: FileName;
  readonly startedAt: number;
  endedAt: number | undefined;
  outcome: DownloadOutcome | undefined;
  /** The newest requests, oldest first. */
  readonly requests: readonly FetchRequestEntry[];
  /** Bytes received from all sources together, including those discarded since. */
  receivedBytes: number;
}

/** Records a download under way. */
export interface FetchRecorder {
  readonly entry: FetchEntry;
  /** Returns the same sources, whose requests are recorded. */
  record(list: SourceList): SourceList;
  end(outcome: DownloadOutcome): void;
}

export interface FetchHistory {
  start(name: FileName): FetchRecorder;
  /** Returns the downloads of this name, the newest first. */
  of(name: FileName): readonly FetchEntry[];
  latestOf(name: FileName): FetchEntry | undefined;
}

export interface FetchHistoryDeps {
  readonly clock: Clock;
  /** Called for all bytes received, including those discarded since. */
  readonly onReceived: (source: string, bytes: number) => void;
  /** Called for each request to a source when it has ended. */
  readonly onRequestEnded: (source: string, outcome: RequestOutcome) => void;
  readonly onEnded: (outcome: DownloadOutcome, ms: number) => void;
}

const MAX_ENTRIES = 500;
const MAX_REQUESTS = 40;

export function createFetchHistory(deps: FetchHistoryDeps): FetchHistory {
  const { clock, onReceived, onRequestEnded, onEnded } = deps;
  /** Oldest first. */
  const entries: FetchEntry[] = [];

  function recordSource(source: Source, requests: FetchRequestEntry[], entry: FetchEntry): Source {
    return {
      ...source,
      startRequest(bytes) {
        const recorder = source.startRequest(bytes);
        const request: FetchRequestEntry = {
          source: source.label,
          askedAt: clock.now(),
          firstByteMs: undefined,
          bytes: 0,
          endedAt: undefined,
          outcome: undefined,
        };
        requests.push(request);
        if (requests.length > MAX_REQUESTS) requests.shift();
        return {
          ...recorder,
          firstByte(afterMs) {
            request.firstByteMs ??= afterMs;
            recorder.firstByte(afterMs);
          },
          received(count, waitedMs) {
            request.bytes += count;
            entry.receivedBytes += count;
            onReceived(source.label, count);
            recorder.received(count, waitedMs);
          },
          end(outcome) {
            if (request.outcome === undefined) {
              request.outcome = outcome;
              request.endedAt = clock.now();
              onRequestEnded(source.label, outcome);
            }
            recorder.end(outcome);
          },
        };
      },
    };
  }

  function recordList(list: SourceList, requests: FetchRequestEntry[], entry: FetchEntry): SourceList {
    const { rest, more } = list;
    return {
      ...list,
      sources: () => list.sources().map((source) => recordSource(source, requests, entry)),
      ...(rest ? { rest: async () => recordList(await rest(), requests, entry) } : {}),
      ...(more ? { more: async () => recordList(await more(), requests, entry) } : {}),
    };
  }

  return {
    start(name) {
      const requests: FetchRequestEntry[] = [];
      const entry: FetchEntry = {
        name,
        startedAt: clock.now(),
        endedAt: undefined,
        outcome: undefined,
        requests,
        receivedBytes: 0,
      };
      entries.push(entry);
      if (entries.length > MAX_ENTRIES) entries.shift();
      return {
        entry,
        record: (list) => recordList(list, requests, entry),
        end(outcome) {
          entry.outcome = outcome;
          entry.endedAt = clock.now();
          onEnded(outcome, Math.max(0, entry.endedAt - entry.startedAt));
        },
      };
    },
    latestOf: (name) => entries.findLast((entry) => entry.name === name),
    of: (name) => entries.filter((entry) => entry.name === name).toReversed(),
  };
}
