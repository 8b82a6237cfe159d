/**
 * What happened in each download of late: which sources were asked, how soon and how much each gave, and what came of it.
 * For people who ask why a file is here or is not. Held in memory, of the newest downloads only.
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

export interface FetchEntry {
  readonly name: FileName;
  readonly startedAt: number;
  endedAt: number | undefined;
  outcome: DownloadOutcome | undefined;
  /** The latest last; of very many the latest ones. */
  readonly requests: readonly FetchRequestEntry[];
  /** From all of them together, what was thrown away included. */
  receivedBytes: number;
}

/** A story that goes on. */
export interface FetchRecorder {
  readonly entry: FetchEntry;
  /** The same sources, each request to one of which is noted. */
  record(offer: SourceList): SourceList;
  end(outcome: DownloadOutcome): void;
}

export interface FetchHistory {
  start(name: FileName): FetchRecorder;
  /** Of this name, the latest first. */
  of(name: FileName): readonly FetchEntry[];
}

export interface FetchHistoryDeps {
  readonly clock: Clock;
  /** Told of all bytes that come in, the thrown away included. */
  readonly onReceived: (source: string, bytes: number) => void;
  /** Told of each request to a source when it has ended. */
  readonly onRequestEnded: (source: string, outcome: RequestOutcome) => void;
  readonly onEnded: (outcome: DownloadOutcome, ms: number) => void;
}

const MAX_ENTRIES = 500;
const MAX_REQUESTS = 40;

export function createFetchHistory({
  clock,
  onReceived,
  onRequestEnded: onTried,
  onEnded,
}: FetchHistoryDeps): FetchHistory {
  /** Oldest first. */
  const stories: FetchEntry[] = [];

  function watchSource(source: Source, tried: FetchRequestEntry[], story: FetchEntry): Source {
    return {
      ...source,
      startRequest(bytes) {
        const trial = source.startRequest(bytes);
        const one: FetchRequestEntry = {
          source: source.label,
          askedAt: clock.now(),
          firstByteMs: undefined,
          bytes: 0,
          endedAt: undefined,
          outcome: undefined,
        };
        tried.push(one);
        if (tried.length > MAX_REQUESTS) tried.shift();
        return {
          ...trial,
          firstByte(afterMs) {
            one.firstByteMs ??= afterMs;
            trial.firstByte(afterMs);
          },
          received(count, waitedMs) {
            one.bytes += count;
            story.receivedBytes += count;
            onReceived(source.label, count);
            trial.received(count, waitedMs);
          },
          end(outcome) {
            if (one.outcome === undefined) {
              one.outcome = outcome;
              one.endedAt = clock.now();
              onTried(source.label, outcome);
            }
            trial.end(outcome);
          },
        };
      },
    };
  }

  function watch(offer: SourceList, tried: FetchRequestEntry[], story: FetchEntry): SourceList {
    const { more } = offer;
    return {
      ...offer,
      sources: () => offer.sources().map((source) => watchSource(source, tried, story)),
      ...(more ? { more: async () => watch(await more(), tried, story) } : {}),
    };
  }

  return {
    start(name) {
      const tried: FetchRequestEntry[] = [];
      const story: FetchEntry = {
        name,
        startedAt: clock.now(),
        endedAt: undefined,
        outcome: undefined,
        requests: tried,
        receivedBytes: 0,
      };
      stories.push(story);
      if (stories.length > MAX_ENTRIES) stories.shift();
      return {
        entry: story,
        record: (offer) => watch(offer, tried, story),
        end(outcome) {
          story.outcome = outcome;
          story.endedAt = clock.now();
          onEnded(outcome, Math.max(0, story.endedAt - story.startedAt));
        },
      };
    },
    of: (name) => stories.filter((story) => story.name === name).toReversed(),
  };
}
