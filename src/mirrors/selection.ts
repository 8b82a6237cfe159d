/**
 * In which order places are asked for a file (pure): as listed, in turn, or giving each work in proportion to what it has
 * shown. Whatever the strategy, places out of order now come last: asking them first would cost every file a time-out.
 *
 * Adaptive: each place has a virtual time, which every file given to it moves on by the time that it is expected to take
 * there. The next file goes to the one that would be done with it first. So a place five times as fast gets five times the
 * bytes, and a large file goes to a slow one only when the fast ones have had their share.
 */
import { type Circuit, expectedMs, type Knowledge, type Prior } from "./host-stats.ts";

export type Strategy = "adaptive" | "round-robin" | "ordered";

export interface Candidate {
  readonly known: Knowledge;
  readonly circuit: Circuit;
  /** Requests under way. */
  readonly carrying: number;
  /** Virtual milliseconds of work that it was given so far. */
  readonly workedMs: number;
  /** When it was asked last, in milliseconds since the epoch. */
  readonly askedAt: number;
}

export interface Question {
  readonly strategy: Strategy;
  /** Of the file; undefined where it is not known. */
  readonly bytes: number | undefined;
  /** Counts the files asked for. */
  readonly turn: number;
  readonly now: number;
  /** Virtual time reached. */
  readonly levelMs: number;
}

/** Out of courtesy; where others can be asked, these are. */
export const MOST_PER_PLACE = 8;
/** What is taken where the size is not known. */
const USUAL_BYTES = 1024 * 1024;
/** One file in so many goes to a place not asked for so long, in case it got better, where that can't cost much. */
const PROBE_EVERY = 32;
const PROBE_AFTER_MS = 5 * 60_000;
const PROBE_COST_MS = 2_000;

const STRANGER: Prior = { firstByteMs: 50, bytesPerSecond: 10_000_000 };

/** Of a place hardly known the best is expected that any has shown. */
export function priorOf(places: readonly Knowledge[]): Prior {
  const first = places.flatMap(({ firstByteMs }) => firstByteMs ?? []);
  const speeds = places.flatMap(({ bytesPerSecond }) => bytesPerSecond ?? []);
  return {
    firstByteMs: first.length > 0 ? Math.min(...first) : STRANGER.firstByteMs,
    bytesPerSecond: speeds.length > 0 ? Math.max(...speeds) : STRANGER.bytesPerSecond,
  };
}

/** So many files like this one a place may have in arrears: one left out for long must not get all there is. */
const MOST_ARREARS = 4;

/** Virtual time that a place begins this file at. */
export function startMs(workedMs: number, costMs: number, levelMs: number): number {
  return Math.max(workedMs, levelMs - MOST_ARREARS * costMs);
}

interface Rated<C> {
  readonly candidate: C;
  readonly costMs: number;
  readonly doneMs: number;
}

function rate<C extends Candidate>(candidates: readonly C[], { bytes, levelMs }: Question): readonly Rated<C>[] {
  const prior = priorOf(candidates.map(({ known }) => known));
  return candidates.map((candidate) => {
    const costMs = expectedMs(candidate.known, prior, bytes ?? USUAL_BYTES);
    return { candidate, costMs, doneMs: startMs(candidate.workedMs, costMs, levelMs) + costMs };
  });
}

/** The one whose turn it is to show whether it got better. */
function probeOf<C extends Candidate>(rated: readonly Rated<C>[], { turn, now }: Question): Rated<C> | undefined {
  if (turn % PROBE_EVERY !== PROBE_EVERY - 1) return undefined;
  const least = Math.min(...rated.map(({ costMs }) => costMs));
  return rated
    .filter(({ candidate, costMs }) => now - candidate.askedAt >= PROBE_AFTER_MS && costMs - least <= PROBE_COST_MS)
    .toSorted((a, b) => a.candidate.askedAt - b.candidate.askedAt)[0];
}

function byShare<C extends Candidate>(candidates: readonly C[], question: Question): readonly C[] {
  const rated = rate(candidates, question).toSorted((a, b) => a.doneMs - b.doneMs);
  const probe = probeOf(rated, question);
  const others = rated.filter((one) => one !== probe);
  const free = others.filter(({ candidate }) => candidate.carrying < MOST_PER_PLACE);
  const busy = others.filter(({ candidate }) => candidate.carrying >= MOST_PER_PLACE);
  return [...(probe ? [probe] : []), ...free, ...busy].map(({ candidate }) => candidate);
}

function inTurn<C>(candidates: readonly C[], turn: number): readonly C[] {
  const first = candidates.length === 0 ? 0 : turn % candidates.length;
  return [...candidates.slice(first), ...candidates.slice(0, first)];
}

/** All of them, the one to ask first at the front. */
export function orderPlaces<C extends Candidate>(candidates: readonly C[], question: Question): readonly C[] {
  const closed = candidates.filter(({ circuit }) => circuit !== "open");
  const open = candidates.filter(({ circuit }) => circuit === "open");
  const arrange = (some: readonly C[]): readonly C[] => {
    if (question.strategy === "adaptive") return byShare(some, question);
    return question.strategy === "ordered" ? some : inTurn(some, question.turn);
  };
  // Where all are out of order there is nothing to lose: what stands here by itself is their pardon.
  return [...arrange(closed), ...arrange(open)];
}

/** The virtual time reached once the first of them has the file. */
export function levelAfter(candidates: readonly Candidate[], question: Question): number {
  const usable = candidates.filter(({ circuit }) => circuit !== "open");
  const done = rate(usable, question).map(({ doneMs }) => doneMs);
  return done.length === 0 ? question.levelMs : Math.max(question.levelMs, Math.min(...done));
}
