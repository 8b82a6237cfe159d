/**
 * What happened in each download of late: which sources were asked, how soon and how much each gave, and what came of it.
 * For people who ask why a file is here or is not. Held in memory, of the newest downloads only.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { RequestOutcome, Source, SourceList } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";

/** One request to one source. */
export interface Tried {
  readonly source: string;
  readonly askedAt: number;
  firstByteMs: number | undefined;
  bytes: number;
  endedAt: number | undefined;
  outcome: RequestOutcome | undefined;
}

export type StoryOutcome = "stored" | "passed-through" | "failed";

export interface Story {
  readonly name: FileName;
  readonly startedAt: number;
  endedAt: number | undefined;
  outcome: StoryOutcome | undefined;
  /** The latest last; of very many the latest ones. */
  readonly tried: readonly Tried[];
  /** From all of them together, what was thrown away included. */
  receivedBytes: number;
}

/** A story that goes on. */
export interface Chapter {
  readonly story: Story;
  /** The same sources, each request to one of which is noted. */
  watch(offer: SourceList): SourceList;
  end(outcome: StoryOutcome): void;
}

export interface Stories {
  begin(name: FileName): Chapter;
  /** Of this name, the latest first. */
  of(name: FileName): readonly Story[];
}

export interface StoriesDeps {
  readonly clock: Clock;
  /** Told of all bytes that come in, the thrown away included. */
  readonly onReceived: (source: string, bytes: number) => void;
  /** Told of each request to a source when it has ended. */
  readonly onTried: (source: string, outcome: RequestOutcome) => void;
  readonly onEnded: (outcome: StoryOutcome, ms: number) => void;
}

const MAX_STORIES = 500;
const MAX_TRIED = 40;

export function createStories({ clock, onReceived, onTried, onEnded }: StoriesDeps): Stories {
  /** Oldest first. */
  const stories: Story[] = [];

  function watchSource(source: Source, tried: Tried[], story: Story): Source {
    return {
      ...source,
      startRequest(bytes) {
        const trial = source.startRequest(bytes);
        const one: Tried = {
          source: source.label,
          askedAt: clock.now(),
          firstByteMs: undefined,
          bytes: 0,
          endedAt: undefined,
          outcome: undefined,
        };
        tried.push(one);
        if (tried.length > MAX_TRIED) tried.shift();
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

  function watch(offer: SourceList, tried: Tried[], story: Story): SourceList {
    const { more } = offer;
    return {
      ...offer,
      sources: () => offer.sources().map((source) => watchSource(source, tried, story)),
      ...(more ? { more: async () => watch(await more(), tried, story) } : {}),
    };
  }

  return {
    begin(name) {
      const tried: Tried[] = [];
      const story: Story = {
        name,
        startedAt: clock.now(),
        endedAt: undefined,
        outcome: undefined,
        tried,
        receivedBytes: 0,
      };
      stories.push(story);
      if (stories.length > MAX_STORIES) stories.shift();
      return {
        story,
        watch: (offer) => watch(offer, tried, story),
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
