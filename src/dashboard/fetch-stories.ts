/**
 * Tells the fetch history of a file once: repeated requests to a source are summed up, and downloads that went alike are one story
 * (pure).
 */
import type { FileDetails } from "../api/file-schemas.ts";
import type { UpstreamRequestReport } from "../api/schemas.ts";

type Entry = FileDetails["fetch_history"][number];

/** Requests of one download to one source that ended alike. */
export interface SourceStory {
  readonly source: string;
  readonly outcome: UpstreamRequestReport["outcome"];
  readonly times: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** Of the first request that had a byte. */
  readonly firstByteMs: number | null;
}

/** Downloads one after the other that went alike. */
export interface Story {
  /** Of the latest. */
  readonly startedAt: string;
  readonly outcome: Entry["outcome"];
  readonly times: number;
  /** Of the latest, in the order in which the sources were asked. */
  readonly sources: readonly SourceStory[];
}

export function sourceStories(requests: readonly UpstreamRequestReport[]): readonly SourceStory[] {
  const stories = new Map<string, SourceStory>();
  for (const { source, outcome, bytes, duration_ms, first_byte_ms } of requests) {
    const key = `${outcome} ${source}`;
    const before = stories.get(key);
    stories.set(key, {
      source,
      outcome,
      times: (before?.times ?? 0) + 1,
      bytes: (before?.bytes ?? 0) + bytes,
      durationMs: (before?.durationMs ?? 0) + duration_ms,
      firstByteMs: before?.firstByteMs ?? first_byte_ms,
    });
  }
  return [...stories.values()];
}

/** How a download went, whichever source was asked first, and how often. */
function courseOf(outcome: Entry["outcome"], sources: readonly SourceStory[]): string {
  return [outcome, ...sources.map(({ source, outcome: end }) => `${end} ${source}`).toSorted()].join("\n");
}

/** @param history the newest first, as the API sends it */
export function storiesOf(history: readonly Entry[]): readonly Story[] {
  const stories: Story[] = [];
  let course = "";
  for (const { started_at, outcome, upstream_requests } of history) {
    const sources = sourceStories(upstream_requests);
    const own = courseOf(outcome, sources);
    const before = stories.at(-1);
    if (before && own === course) stories[stories.length - 1] = { ...before, times: before.times + 1 };
    else stories.push({ startedAt: started_at, outcome, times: 1, sources });
    course = own;
  }
  return stories;
}
