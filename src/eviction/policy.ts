/**
 * Decides what the store is short of, and what clean-up removes for it, in which order (pure): first what has expired, then what is
 * worth least for the room that it takes. Worth is how much a file is used now (uses that fade, so that recency and frequency are one number) times the cost of
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
  /** Of the store, from 0 to 1: what files that no Manifest vouches for may take. */
  readonly unverifiedShare: number;
  /** Most files, as under a quota; infinite where nothing is known of one. */
  readonly maxFiles: number;
}

export type Reason = "orphan" | "age" | "space";

export interface StoredEntry {
  readonly name: FileName;
  readonly size: number;
  readonly usedAt: number;
  /** Uses as of `usedAt`, each worth half as much after every half-life. */
  readonly useScore: number;
  /** Since when no Manifest wants it. */
  readonly orphanedAt: number | null;
  /** How much harder than from a mirror it is to get again: 1 or more. */
  readonly refetchCost: number;
  /** Whether a Manifest ever vouched for it. */
  readonly verified: boolean;
  /** The file system that it is on, by its place in Usage.volumes. */
  readonly volume: number;
}

export interface Victim {
  readonly name: FileName;
  readonly size: number;
  readonly reason: Reason;
}

/** Clean-up begins over max_size and goes down to this part of it, so that it does not run for every file. */
export const LOW_WATER = 0.9;
/** Clean-up that begins below min_free frees this part of it more. */
const FREE_MARGIN = 0.1;
/** A request for one file costs a client about as much time as this many bytes: small files are cheap to keep. */
const REQUEST_BYTES = 128 * 1024;
/** A file that no Manifest wants is asked for by machines whose repositories are old, and by fewer every day. */
const ORPHAN_WORTH = 0.25;

/** Returns why a file goes however much room there is; undefined where it may stay. */
export function expiry(entry: StoredEntry, limits: Limits, now: number): "orphan" | "age" | undefined {
  if (entry.orphanedAt !== null && now - entry.orphanedAt >= limits.orphanGraceMs) return "orphan";
  if (limits.maxAgeMs > 0 && now - entry.usedAt >= limits.maxAgeMs) return "age";
  return undefined;
}

/** Worth of each byte of a file; only comparisons at one instant mean something. */
export function worthOf(entry: StoredEntry, now: number, halfLifeMs: number): number {
  const faded = entry.useScore * 0.5 ** (Math.max(0, now - entry.usedAt) / halfLifeMs);
  const again = ((entry.size + REQUEST_BYTES) / Math.max(1, entry.size)) * entry.refetchCost;
  return faded * again * (entry.orphanedAt === null ? 1 : ORPHAN_WORTH);
}

/** What is free on one file system, less what is reserved there. */
export interface VolumeUsage {
  readonly freeBytes: number;
  /** Infinite where inodes are made as they are needed. */
  readonly freeInodes: number;
  readonly totalInodes: number;
}

export interface Usage {
  /** What is stored, and what is reserved for files coming in. */
  readonly usedBytes: number;
  /** The part of it that no Manifest vouches for. */
  readonly unverifiedBytes: number;
  readonly files: number;
  /** The file system of distfiles first. */
  readonly volumes: readonly VolumeUsage[];
}

/** A limit of the store, and how far it is kept. */
export interface LimitState {
  readonly kind: "unverified" | "size" | "files" | "free" | "inodes";
  /** The file system that is meant, for the last two kinds. */
  readonly volume: number | undefined;
  /** Bytes, or files, that have to go; 0 while the limit is kept. */
  readonly over: number;
  /** Bytes, or files, that go once something has to: down to the low mark. */
  readonly surplus: number;
}

export function isSameLimit(a: LimitState, b: LimitState): boolean {
  return a.kind === b.kind && a.volume === b.volume;
}

/** A file may need a folder of its own. */
export const INODES_PER_FILE = 2;
const INODE_SHARE = 0.01;
const MAX_FREE_INODES = 1000;
/** As many downloads as begin at once, which have their part files before anything is reserved for them. */
const MIN_FREE_INODES = 32;

/** Returns how many inodes stay free, as min_free bytes do. */
export function minFreeInodes(total: number): number {
  if (!Number.isFinite(total)) return 0;
  const share = Math.max(MIN_FREE_INODES, Math.ceil(total * INODE_SHARE));
  return Math.min(share, MAX_FREE_INODES, Math.floor(total / 4));
}

const freeOf = ({ volumes }: Usage) => volumes.reduce((sum, { freeBytes }) => sum + freeBytes, 0);

/** Returns how many bytes of files that no Manifest vouches for the store may have. */
export function unverifiedLimit(usage: Usage, { maxSize, minFree, unverifiedShare }: Limits): number {
  const fits = Math.max(0, usage.usedBytes + freeOf(usage) - minFree);
  return Math.floor(unverifiedShare * (maxSize === 0 ? fits : Math.min(maxSize, fits)));
}

function limitState(kind: LimitState["kind"], used: number, limit: number, volume?: number): LimitState {
  return { kind, volume, over: Math.max(0, used - limit), surplus: Math.max(0, Math.ceil(used - limit * LOW_WATER)) };
}

function measureFree(kind: LimitState["kind"], free: number, least: number, volume: number): LimitState {
  const margin = Math.ceil(least * FREE_MARGIN);
  return { kind, volume, over: Math.max(0, least - free), surplus: Math.max(0, least + margin - free) };
}

/** Measures how far each limit is kept. What no Manifest vouches for comes first: it goes before anything goes for its sake. */
export function limitStates(usage: Usage, limits: Limits): readonly LimitState[] {
  const { maxSize, minFree, maxFiles, unverifiedShare } = limits;
  return [
    ...(unverifiedShare < 1 ? [limitState("unverified", usage.unverifiedBytes, unverifiedLimit(usage, limits))] : []),
    ...(maxSize === 0 ? [] : [limitState("size", usage.usedBytes, maxSize)]),
    ...(Number.isFinite(maxFiles) ? [limitState("files", usage.files, maxFiles)] : []),
    ...usage.volumes.flatMap(({ freeBytes, freeInodes, totalInodes }, volume) => [
      measureFree("free", freeBytes, minFree, volume),
      measureFree("inodes", freeInodes, minFreeInodes(totalInodes), volume),
    ]),
  ];
}

/** Returns how many bytes, and how many files, have to go; 0 while all limits are kept. */
export function excess(usage: Usage, limits: Limits): { readonly bytes: number; readonly files: number } {
  const isOfFiles = ({ kind }: LimitState) => kind === "files" || kind === "inodes";
  const all = limitStates(usage, limits);
  const most = (some: readonly LimitState[]) => Math.max(0, ...some.map(({ over }) => over));
  return { bytes: most(all.filter((one) => !isOfFiles(one))), files: most(all.filter(isOfFiles)) };
}

/** Returns how much of what a limit is short of the removal of a file gives back. */
export function relief(
  { kind, volume }: Pick<LimitState, "kind" | "volume">,
  entry: Pick<StoredEntry, "size" | "verified" | "volume">,
): number {
  if (volume !== undefined && volume !== entry.volume) return 0;
  if (kind === "files" || kind === "inodes") return 1;
  return kind === "unverified" && entry.verified ? 0 : entry.size;
}

/** Returns the usage without a file. */
export function without(usage: Usage, entry: Pick<StoredEntry, "size" | "verified" | "volume">): Usage {
  return {
    usedBytes: usage.usedBytes - entry.size,
    unverifiedBytes: usage.unverifiedBytes - (entry.verified ? 0 : entry.size),
    files: usage.files - 1,
    volumes: usage.volumes.map((one, at) =>
      at === entry.volume ? { ...one, freeBytes: one.freeBytes + entry.size, freeInodes: one.freeInodes + 1 } : one,
    ),
  };
}

interface EvictionCandidate<V> {
  readonly victim: V;
  readonly relief: number;
  readonly worth: number;
}

/** Keeps the least valuable of all candidates that are added, just enough of them. */
export interface Selection<V> {
  /** @param relief what it gives back, more than 0 @param worth for each unit of that */
  add(victim: V, relief: number, worth: number): void;
  /** Least valuable first. */
  result(): readonly V[];
}

/** Holds no more than is needed, however many are added: a heap with the most valuable one on top. */
export function createSelection<V>(needed: number): Selection<V> {
  const heap: EvictionCandidate<V>[] = [];
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
    chosen -= top.relief;
    heap[0] = last;
    sink();
  }

  return {
    add(victim, relief, worth) {
      if (needed <= 0 || (chosen >= needed && worth >= worthAt(0))) return;
      heap.push({ victim, relief, worth });
      chosen += relief;
      rise(heap.length - 1);
      for (let top = heap[0]; top && heap.length > 1 && chosen - top.relief >= needed; top = heap[0]) drop();
    },
    result: () => heap.toSorted((a, b) => a.worth - b.worth).map(({ victim }) => victim),
  };
}
