/**
 * Which source fetches which part of a file (pure): the first bytes that nobody has or fetches go to the next one that is
 * free, so that the front grows and clients stream; near the end the free ones take over from those that would be last.
 */
import type { Span } from "./byte-ranges.ts";

/** What one source has been asked for. */
export interface Claim {
  readonly start: number;
  /** The next byte to come from it. */
  position: number;
  /** The byte after the last one; moves down when another source takes the rest. */
  end: number;
}

export interface Pieces {
  /** The first bytes that are neither there nor claimed, at most so many; undefined where there are none. */
  next(most: number): Claim | undefined;
  /** A claim to the bytes from `start` on, as an answer that is under way has them. */
  claim(start: number, end: number): Claim;
  /** What it has not brought is free again. */
  giveUp(claim: Claim): void;
}

/** The first part of the gap that nobody has claimed. @param taken by their start */
function firstBetween(gap: Span, taken: readonly Claim[]): Span | undefined {
  let at = gap.start;
  for (const { start, end } of taken) {
    if (start > at) break;
    at = Math.max(at, end);
  }
  const next = taken.find(({ start }) => start > at)?.start ?? gap.end;
  return at < gap.end ? { start: at, end: Math.min(next, gap.end) } : undefined;
}

/** @param gaps what is missing between two places, in order */
export function createPieces(gaps: (start: number, end: number) => readonly Span[], total: number): Pieces {
  const claims = new Set<Claim>();

  function firstFree(): Span | undefined {
    const taken = [...claims].toSorted((a, b) => a.start - b.start);
    for (const gap of gaps(0, total)) {
      const free = firstBetween(gap, taken);
      if (free) return free;
    }
    return undefined;
  }

  function claim(start: number, end: number): Claim {
    const made: Claim = { start, position: start, end };
    claims.add(made);
    return made;
  }

  return {
    claim,
    next(most) {
      const free = firstFree();
      return free && claim(free.start, Math.min(free.end, free.start + most));
    },
    giveUp: (done) => void claims.delete(done),
  };
}

/** A claim that would take longer than this keeps only what it brings next: the rest is for whoever is free. */
const LONG_MS = 3_000;
const KEPT_MS = 1_500;
/** Another request is not worth less than this. */
const LEAST_GAIN_MS = 200;

/**
 * Where a claim should end when somebody else is free to take the rest, so that both are done at the same time; undefined
 * where that gains too little.
 * @param rate bytes per second of the one that has it
 * @param otherRate of the one that is free, whose first byte takes `delayMs`
 * @param comesBack whether the one that has it can be asked for another piece afterwards
 */
export function splitAt(
  { position, end }: Pick<Claim, "position" | "end">,
  rate: number,
  otherRate: number,
  delayMs: number,
  comesBack: boolean,
): number | undefined {
  const left = end - position;
  if (left <= 0 || otherRate <= 0) return undefined;
  const aloneMs = (1000 * left) / rate;
  const togetherMs = (1000 * left + otherRate * delayMs) / (rate + otherRate);
  if (aloneMs - togetherMs < LEAST_GAIN_MS) return undefined;
  const keptMs = comesBack && aloneMs > LONG_MS ? Math.min(KEPT_MS, togetherMs) : togetherMs;
  return position + Math.floor((rate * keptMs) / 1000);
}

const PIECE_MS = 1_500;
const LEAST_PIECE_BYTES = 512 * 1024;
const MOST_PIECE_BYTES = 32 * 1024 * 1024;
const FIRST_PIECE_BYTES = 2 * 1024 * 1024;

/** How much to ask of a source at once: long enough that the way there and back does not count, short enough to share. */
export function pieceBytes(bytesPerSecond: number | undefined): number {
  if (bytesPerSecond === undefined) return FIRST_PIECE_BYTES;
  return Math.round(Math.min(Math.max((bytesPerSecond * PIECE_MS) / 1000, LEAST_PIECE_BYTES), MOST_PIECE_BYTES));
}
