/**
 * The bytes of one download on their way to disk: part file, running hash and tail kept in step. Bytes may come in any
 * order, and one that is there stays until all are thrown away; the hash goes on as far as there is no gap.
 * Knows nothing of sources.
 */
import type { ComputedDigests } from "../distfile/digests.ts";
import type { Hasher, HashJob } from "../distfile/hasher.ts";
import { unlessStopped } from "../lib/abort.ts";
import { createCoverage, type Span } from "./byte-ranges.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { createOverflow, type Overflow } from "./passthrough-buffer.ts";
import { DISTRUST_MS, HOLD_MS, releasable } from "./release-policy.ts";
import { createTail, readFrom, type Tail } from "./tail.ts";

/** A part file, as the store opens it. */
export interface Part {
  /** Undefined where nothing can be stored at all. */
  readonly fd: number | undefined;
  /** Bytes that were there when it was opened. */
  readonly length: number;
  /** @param total size of the whole file, where that is known */
  write(bytes: Uint8Array, position: number, total?: number): Promise<void>;
  /**
   * Notes in the file that of `total` bytes only the first `front` count, whatever lies behind them: for who opens it
   * after a crash. Until truncate().
   */
  mark(front: number, total: number): Promise<void>;
  /** Leaves so many bytes of it. */
  truncate(length: number): Promise<void>;
}

export interface Incoming {
  readonly tail: Tail;
  /** Bytes on disk from the start without a gap. */
  readonly position: number;
  /** Size of the whole file as far as it is known. */
  total: number | undefined;
  /** From now on the time counts for which a small file is held. */
  begin(): void;
  /**
   * From now on bytes go to clients and not to disk: one after the other, no more ahead of them than memory holds. Those
   * behind a gap are forgotten, those without one stay.
   */
  passOn(): void;
  /** Whether they do. */
  readonly passing: boolean;
  /** Whether who begins to read now can have all of the file. */
  readonly joinable: boolean;
  /** Writes those of the bytes that are not there yet; where they lie behind a gap the total has to be known. */
  put(bytes: Uint8Array, at: number): Promise<void>;
  /** What is missing between the two, in order. */
  gaps(start: number, end: number): readonly Span[];
  /** Forgets all bytes; readers that had some break off. `distrust` holds what comes next until it is checked. */
  restart(distrust: boolean): Promise<void>;
  /** Tells whether the same bytes were at the same place at another time. */
  fingerprint(span: Span): Promise<number>;
  /** Digests of all bytes. */
  digest(): Promise<ComputedDigests>;
  /** By another algorithm (of node:crypto), all read once more; undefined where they are not on disk. */
  digestBy(algorithm: string): Promise<string | undefined>;
  /** Leaves in the part file what may be gone on from. */
  settle(): Promise<void>;
  /** Stops hashing and the clock; the part file may be closed after that. */
  stop(): Promise<void>;
}

/** How much of the front a crash may cost where there are gaps. */
const MARK_EVERY_BYTES = 8 * 1024 * 1024;

export interface IncomingDeps {
  readonly hasher: Hasher;
  /** Whether the SHA512 is wanted, too. */
  readonly sha512: boolean;
  /** Ends put() where it waits for clients. */
  readonly stop: AbortSignal;
  /** Told when bytes that are passed on wait for clients. */
  readonly onHeldUp: () => void;
}

export function createIncoming(
  part: Part,
  total: number | undefined,
  { hasher, sha512, stop, onHeldUp }: IncomingDeps,
): Incoming {
  const coverage = createCoverage(part.length);
  const onDisk = part.fd === undefined ? undefined : readFrom(part.fd);
  let overflow: Overflow | undefined;
  const tail = createTail(async (position, length) => {
    if (overflow && position >= overflow.start) return overflow.read(position, length);
    const most = overflow ? Math.min(length, overflow.start - position) : length;
    return (await onDisk?.(position, most)) ?? new Uint8Array(0);
  });
  let overdue = false;
  let distrusted = false;
  let job: HashJob = hasher.open(part.fd, { sha512 });
  if (coverage.front > 0) job.advance(coverage.front);

  let timer: NodeJS.Timeout | undefined;
  /** The front that the part file tells of; undefined while it has no gaps. */
  let marked: number | undefined;
  let marking: Promise<void> = Promise.resolve();

  function release(): void {
    tail.release((offset) =>
      releasable({ position: coverage.until(offset), total: incoming.total, overdue, distrusted }),
    );
  }

  function beOverdue(): void {
    overdue = true;
    distrusted = false;
    release();
  }

  function mark(): void {
    const front = coverage.front;
    marked = front;
    marking = marking.then(() => part.mark(front, incoming.total ?? front));
  }

  /** Has to be through before a byte is written behind a gap, and never follows the front at every byte. */
  async function markFor(at: number): Promise<void> {
    if (at > coverage.front && marked === undefined) mark();
    else if (marked !== undefined && coverage.front >= marked + MARK_EVERY_BYTES) mark();
    await marking;
  }

  async function cutTo(length: number): Promise<void> {
    await marking.catch(() => undefined);
    marking = Promise.resolve();
    marked = undefined;
    await part.truncate(length);
  }

  async function startHashing(fd: number | undefined): Promise<void> {
    const before = job;
    job = hasher.open(fd, { sha512 });
    await before.cancel();
  }

  async function passThrough(into: Overflow, fresh: Uint8Array): Promise<void> {
    if (fresh.length === 0) return;
    await unlessStopped(into.push(fresh), stop);
    await job.feed(fresh);
    const { front } = coverage;
    coverage.add(front, front + fresh.length);
    release();
  }

  const incoming: Incoming = {
    tail,
    total,
    get position() {
      return coverage.front;
    },
    begin() {
      timer = setTimeout(beOverdue, HOLD_MS);
    },
    passOn() {
      const { front } = coverage;
      coverage.clear();
      coverage.add(0, front);
      overflow = createOverflow(front, tail, onHeldUp);
      if (front === 0) void startHashing(undefined);
      release();
    },
    get passing() {
      return overflow !== undefined;
    },
    get joinable() {
      return overflow?.whole ?? true;
    },
    async put(bytes, at) {
      if (overflow) return await passThrough(overflow, bytes.subarray(Math.max(0, coverage.front - at)));
      for (const { start, end } of coverage.gaps(at, at + bytes.length)) {
        await markFor(start);
        const fresh = bytes.subarray(start - at, end - at);
        await part.write(fresh, start, incoming.total);
        tail.written(start, fresh);
        const before = coverage.front;
        coverage.add(start, end);
        if (coverage.front > before) job.advance(coverage.front);
      }
      release();
    },
    gaps: coverage.gaps,
    async restart(distrust) {
      tail.restart();
      coverage.clear();
      if (overflow) overflow = createOverflow(0, tail, onHeldUp);
      await startHashing(overflow ? undefined : part.fd);
      if (!overflow) await cutTo(0);
      if (!distrust) return;
      distrusted = true;
      clearTimeout(timer);
      timer = setTimeout(beOverdue, DISTRUST_MS);
    },
    async digest() {
      if (marked !== undefined && !overflow) await cutTo(coverage.front);
      return await job.finish(coverage.front);
    },
    async digestBy(algorithm) {
      if (part.fd === undefined || overflow) return undefined;
      const again = hasher.open(part.fd, { sha512: false, other: algorithm });
      return (await again.finish(coverage.front)).other;
    },
    fingerprint: async (span) => (part.fd === undefined || overflow ? 0 : await fingerprintOf(part.fd, span)),
    async settle() {
      if (marked !== undefined && !overflow) await cutTo(coverage.front);
    },
    async stop() {
      clearTimeout(timer);
      await job.cancel();
    },
  };
  return incoming;
}
