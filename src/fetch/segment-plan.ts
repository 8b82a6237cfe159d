/**
 * Plans which bytes of a file each source fetches (pure): the first bytes that nobody has or fetches are the segment of the
 * next source that is free, so that the front grows and clients can stream; near the end the free sources take over from those
 * that would be last.
 */
import type { ByteRange } from "../lib/byte-range.ts";

/** The bytes that one source was asked for. */
export interface Segment {
  readonly start: number;
  /** The next byte to come from the source. */
  position: number;
  /** The byte after the last one; moves down when another source takes over the rest. */
  end: number;
}

export interface SegmentPlan {
  /** Claims the first bytes that are neither here nor claimed, at most that many; returns undefined where there are none. */
  next(maxBytes: number): Segment | undefined;
  /** Claims the bytes of a response that is under way. */
  claim(start: number, end: number): Segment;
  /** Gives up a claim: the bytes that did not come are free again. */
  release(segment: Segment): void;
}

/** Returns the first part of the gap that is not claimed. @param claimed ordered by start */
function firstBetween(gap: ByteRange, claimed: readonly Segment[]): ByteRange | undefined {
  let at = gap.start;
  for (const { start, end } of claimed) {
    if (start > at) break;
    at = Math.max(at, end);
  }
  const next = claimed.find(({ start }) => start > at)?.start ?? gap.end;
  return at < gap.end ? { start: at, end: Math.min(next, gap.end) } : undefined;
}

/** @param gaps returns what is missing between two offsets, in order */
export function createSegmentPlan(
  gaps: (start: number, end: number) => readonly ByteRange[],
  total: number,
): SegmentPlan {
  const segments = new Set<Segment>();

  function firstFree(): ByteRange | undefined {
    const claimed = [...segments].toSorted((a, b) => a.start - b.start);
    for (const gap of gaps(0, total)) {
      const free = firstBetween(gap, claimed);
      if (free) return free;
    }
    return undefined;
  }

  function claim(start: number, end: number): Segment {
    const segment: Segment = { start, position: start, end };
    segments.add(segment);
    return segment;
  }

  return {
    claim,
    next(maxBytes) {
      const free = firstFree();
      return free && claim(free.start, Math.min(free.end, free.start + maxBytes));
    },
    release: (segment) => void segments.delete(segment),
  };
}

/** A segment that would take longer than this keeps only the bytes of the next KEPT_MS: the rest is for a free source. */
const LONG_MS = 3_000;
const KEPT_MS = 1_500;
/** Another request has to gain at least this much. */
const MIN_GAIN_MS = 200;

/**
 * Returns where a segment should end when another source is free to take over the rest, so that both finish at the same time;
 * undefined where that gains too little.
 * @param rate bytes per second of the source that has the segment
 * @param otherRate of the free source, whose first byte takes `delayMs`
 * @param acceptsRanges whether the source that has the segment can be asked for another one afterwards
 */
export function splitAt(
  { position, end }: Pick<Segment, "position" | "end">,
  rate: number,
  otherRate: number,
  delayMs: number,
  acceptsRanges: boolean,
): number | undefined {
  const left = end - position;
  if (left <= 0 || otherRate <= 0) return undefined;
  const aloneMs = (1000 * left) / rate;
  const togetherMs = (1000 * left + otherRate * delayMs) / (rate + otherRate);
  if (aloneMs - togetherMs < MIN_GAIN_MS) return undefined;
  const keptMs = acceptsRanges && aloneMs > LONG_MS ? Math.min(KEPT_MS, togetherMs) : togetherMs;
  return position + Math.floor((rate * keptMs) / 1000);
}

const SEGMENT_MS = 1_500;
const MIN_SEGMENT_BYTES = 512 * 1024;
const MAX_SEGMENT_BYTES = 32 * 1024 * 1024;
const FIRST_SEGMENT_BYTES = 2 * 1024 * 1024;

/** Returns how much to ask of a source at once: enough that the round trip does not count, little enough to share. */
export function segmentBytes(bytesPerSecond: number | undefined): number {
  if (bytesPerSecond === undefined) return FIRST_SEGMENT_BYTES;
  return Math.round(Math.min(Math.max((bytesPerSecond * SEGMENT_MS) / 1000, MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES));
}
