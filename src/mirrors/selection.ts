/**
 * Ranks hosts for a file (pure): as listed, in turn, or by weighted fair queueing (adaptive). Whatever the strategy, hosts whose
 * circuit is open come last: asking them first would cost every file a time-out.
 */
import type { HostStats } from "../distfile/mirror-records.ts";
import { type CircuitState, expectedCostMs, isLastResort, type Prior } from "./host-stats.ts";

export type Strategy = "adaptive" | "round-robin" | "ordered";

export interface HostCandidate {
  readonly stats: HostStats;
  readonly circuit: CircuitState;
  readonly activeRequests: number;
  /** How probable it is that the host has the file; undefined where nothing speaks against it. */
  readonly chance?: number;
  /** Virtual time at which the host will have done the work given to it so far. */
  readonly virtualFinishMs: number;
  /** Milliseconds since the epoch; 0: never. */
  readonly lastRequestAt: number;
}

export interface SelectionContext {
  readonly strategy: Strategy;
  /** Size of the file; undefined while unknown. */
  readonly bytes: number | undefined;
  /** Counts the selections made. */
  readonly sequence: number;
  readonly now: number;
  readonly virtualTimeMs: number;
}

/** Out of courtesy: a host with this many requests under way is full, and comes after the others. */
export const MAX_REQUESTS_PER_HOST = 8;
/** The size that a file of unknown size is taken to have. */
const USUAL_BYTES = 1024 * 1024;
/** One file in this many goes to a host without requests for this long, in case it got better, where that can't cost much. */
const PROBE_EVERY = 32;
const PROBE_AFTER_MS = 5 * 60_000;
const PROBE_COST_MS = 2_000;

const DEFAULT_PRIOR: Prior = { firstByteMs: 50, bytesPerSecond: 10_000_000 };

/** Returns the best that any of them has shown, which is expected of a host with few samples. */
export function priorOf(all: readonly HostStats[]): Prior {
  const first = all.flatMap(({ firstByteMs }) => firstByteMs ?? []);
  const speeds = all.flatMap(({ bytesPerSecond }) => bytesPerSecond ?? []);
  return {
    firstByteMs: first.length > 0 ? Math.min(...first) : DEFAULT_PRIOR.firstByteMs,
    bytesPerSecond: speeds.length > 0 ? Math.max(...speeds) : DEFAULT_PRIOR.bytesPerSecond,
  };
}

/** An idle host saves up the time of no more than this many files: it must not get all files when it comes back. */
const MAX_CREDIT_FILES = 4;

/** Returns the virtual time at which a host starts this file. */
export function virtualStartMs(virtualFinishMs: number, costMs: number, virtualTimeMs: number): number {
  return Math.max(virtualFinishMs, virtualTimeMs - MAX_CREDIT_FILES * costMs);
}

interface Estimate<C> {
  readonly candidate: C;
  readonly costMs: number;
  readonly finishMs: number;
}

function estimate<C extends HostCandidate>(
  candidates: readonly C[],
  { bytes, virtualTimeMs }: SelectionContext,
): readonly Estimate<C>[] {
  const prior = priorOf(candidates.map(({ stats }) => stats));
  return candidates.map((candidate) => {
    const costMs = expectedCostMs(candidate.stats, prior, bytes ?? USUAL_BYTES, candidate.chance ?? 1);
    const startMs = virtualStartMs(candidate.virtualFinishMs, costMs, virtualTimeMs);
    return { candidate, costMs, finishMs: startMs + costMs };
  });
}

/** Returns the one that is due to be measured again, if any. */
function probeOf<C extends HostCandidate>(
  estimates: readonly Estimate<C>[],
  { sequence, now }: SelectionContext,
): Estimate<C> | undefined {
  if (sequence % PROBE_EVERY !== PROBE_EVERY - 1) return undefined;
  const least = Math.min(...estimates.map(({ costMs }) => costMs));
  return estimates
    .filter(
      ({ candidate, costMs }) => now - candidate.lastRequestAt >= PROBE_AFTER_MS && costMs - least <= PROBE_COST_MS,
    )
    .toSorted((a, b) => a.candidate.lastRequestAt - b.candidate.lastRequestAt)[0];
}

/**
 * Orders by weighted fair queueing: each host has a virtual finish time, which each file given to it advances by the time that the
 * file is expected to take there. The next file goes to the host that would finish it first. So a host five times as fast gets five
 * times the bytes, and a large file goes to a slow host only when the fast ones have had their share. A host that lacks many files
 * costs its 404s as well: where they are quick, it is asked first all the same.
 */
function adaptiveOrder<C extends HostCandidate>(candidates: readonly C[], context: SelectionContext): readonly C[] {
  const estimates = estimate(candidates, context).toSorted((a, b) => a.finishMs - b.finishMs);
  const probe = probeOf(estimates, context);
  const others = estimates.filter((one) => one !== probe);
  const isFull = ({ candidate }: Estimate<C>) => candidate.activeRequests >= MAX_REQUESTS_PER_HOST;
  return [...(probe ? [probe] : []), ...others.filter((one) => !isFull(one)), ...others.filter(isFull)].map(
    ({ candidate }) => candidate,
  );
}

function rotate<C>(candidates: readonly C[], sequence: number): readonly C[] {
  const first = candidates.length === 0 ? 0 : sequence % candidates.length;
  return [...candidates.slice(first), ...candidates.slice(0, first)];
}

/** Returns all of them, the first to ask at the front. */
export function rankHosts<C extends HostCandidate>(candidates: readonly C[], context: SelectionContext): readonly C[] {
  const rank = (some: readonly C[]): readonly C[] => {
    if (context.strategy === "adaptive") return adaptiveOrder(some, context);
    return context.strategy === "ordered" ? some : rotate(some, context.sequence);
  };
  // They stay in the list: where there is no other there is nothing to lose.
  const isLast = ({ circuit }: C) => isLastResort(circuit);
  return [...rank(candidates.filter((one) => !isLast(one))), ...rank(candidates.filter(isLast))];
}

/** Returns the virtual time that is reached once the first of them has the file. */
export function nextVirtualTime(candidates: readonly HostCandidate[], context: SelectionContext): number {
  const usable = candidates.filter(({ circuit }) => !isLastResort(circuit));
  const finish = estimate(usable, context).map(({ finishMs }) => finishMs);
  return finish.length === 0 ? context.virtualTimeMs : Math.max(context.virtualTimeMs, Math.min(...finish));
}
