/**
 * Decides what clean-up removes and in which order (pure): first what has expired, then what is worth least for the room that it
 * takes. Worth is how much a file is used now (uses that fade, so that recency and frequency are one number) times the cost of
 * getting it again. Chosen by comparison with LRU, LFU and GDSF: scripts/bench/eviction.ts.
 */
import type { FileName } from "../distfile/mirror-path.ts";

export interface Limits {
  /** 0: none. */
  readonly maxSize: number;
  readonly minFree: number;
  /** Since the last use; 0: never for age alone. */
  readonly maxAgeMs: number;
  readonly orphanGraceMs: number;
}

export type Reason = "orphan" | "age" | "space";

export interface Entry {
  readonly name: FileName;
  readonly size: number;
  readonly usedAt: number;
  /** Uses as of `usedAt`, each worth half as much after every half-life. */
  readonly useScore: number;
  /** Since when no Manifest wants it. */
  readonly orphanedAt: number | null;
  /** How much harder than from a mirror it is to get again: 1 or more. */
  readonly refetchCost: number;
}

export interface Victim {
  readonly name: FileName;
  readonly size: number;
  readonly reason: Reason;
}

/** Clean-up begins over max_size and goes down to this part of it, so that it does not run for every file. */
export const LOW_WATER = 0.9;
/** And by so much of min_free over it. */
const FREE_MARGIN = 0.1;
/** A request for one file costs a client about as much time as so many bytes: small files are cheap to keep. */
const REQUEST_BYTES = 128 * 1024;
/** A file that no Manifest wants is asked for by machines whose repositories are old, and by fewer every day. */
const ORPHAN_WORTH = 0.25;

/** Why a file goes however much room there is; undefined where it may stay. */
export function expiry(entry: Entry, limits: Limits, now: number): "orphan" | "age" | undefined {
  if (entry.orphanedAt !== null && now - entry.orphanedAt >= limits.orphanGraceMs) return "orphan";
  if (limits.maxAgeMs > 0 && now - entry.usedAt >= limits.maxAgeMs) return "age";
  return undefined;
}

/** Worth of each byte of a file; only comparisons at one instant mean something. */
export function worthOf(entry: Entry, now: number, halfLifeMs: number): number {
  const faded = entry.useScore * 0.5 ** (Math.max(0, now - entry.usedAt) / halfLifeMs);
  const again = ((entry.size + REQUEST_BYTES) / Math.max(1, entry.size)) * entry.refetchCost;
  return faded * again * (entry.orphanedAt === null ? 1 : ORPHAN_WORTH);
}

export interface Usage {
  /** What is stored, and what is reserved for files coming in. */
  readonly usedBytes: number;
  readonly freeBytes: number;
}

/** How many bytes have to go; 0 while both limits are kept. */
export function excess({ usedBytes, freeBytes }: Usage, { maxSize, minFree }: Limits): number {
  return Math.max(0, maxSize === 0 ? 0 : usedBytes - maxSize, minFree - freeBytes);
}

/** How many bytes go once something has to: down to the low mark. */
export function surplus({ usedBytes, freeBytes }: Usage, { maxSize, minFree }: Limits): number {
  return Math.max(
    0,
    maxSize === 0 ? 0 : Math.ceil(usedBytes - maxSize * LOW_WATER),
    minFree + Math.ceil(minFree * FREE_MARGIN) - freeBytes,
  );
}

interface EvictionCandidate {
  readonly victim: Victim;
  readonly worth: number;
}

/** Keeps the least valuable of all candidates that are added, just enough of them. */
export interface Selection {
  add(victim: Victim, worth: number): void;
  /** Least valuable first. */
  result(): readonly Victim[];
}

/** Holds no more than is needed, however many are added: a heap with the most valuable one on top. */
export function createSelection(bytes: number): Selection {
  const heap: EvictionCandidate[] = [];
  let chosen = 0;
  const worthAt = (at: number) => heap[at]?.worth ?? Number.NEGATIVE_INFINITY;

  function swap(a: number, b: number): void {
    const first = heap[a];
    const second = heap[b];
    if (first && second) [heap[a], heap[b]] = [second, first];
  }

  function rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (worthAt(parent) >= worthAt(at)) return;
      swap(parent, at);
      at = parent;
    }
  }

  function sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = worthAt(left + 1) > worthAt(left) ? left + 1 : left;
      if (worthAt(child) <= worthAt(at)) return;
      swap(child, at);
      at = child;
    }
  }

  function drop(): void {
    const last = heap.pop();
    const top = heap[0];
    if (!last || !top) return;
    chosen -= top.victim.size;
    heap[0] = last;
    sink();
  }

  return {
    add(victim, worth) {
      if (bytes <= 0 || (chosen >= bytes && worth >= worthAt(0))) return;
      heap.push({ victim, worth });
      chosen += victim.size;
      rise(heap.length - 1);
      for (let top = heap[0]; top && heap.length > 1 && chosen - top.victim.size >= bytes; top = heap[0]) drop();
    },
    result: () => heap.toSorted((a, b) => a.worth - b.worth).map(({ victim }) => victim),
  };
}
