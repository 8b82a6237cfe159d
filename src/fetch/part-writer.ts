/**
 * Writes the bytes of one download: keeps part file, running hash and tail in step. Bytes may come in any order, and stay until
 * all are discarded; the hash follows the front, up to the first gap. Knows nothing of sources.
 */
import type { ComputedDigests, HashAlgorithm } from "../distfile/digests.ts";
import type { Hasher, HashJob } from "../distfile/hasher.ts";
import { abortable } from "../lib/abort.ts";
import type { ByteRange } from "../lib/byte-range.ts";
import { createByteRanges } from "./byte-ranges.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { HeldBytes } from "./held-bytes.ts";
import { type PassthroughBuffer, PIECE_BYTES } from "./passthrough-buffer.ts";
import { DISTRUST_MS, HOLD_MS, releasable } from "./release-policy.ts";
import type { Validator } from "./resume.ts";
import { readFrom, type Tail } from "./tail.ts";

/** The part file of a download, with what it may be resumed under. */
export interface Part {
  /** Undefined where nothing can be stored at all. */
  readonly fd: number | undefined;
  /** Bytes that were there when it was opened. */
  readonly length: number;
  /** What its bytes may be resumed under, where no hash is expected. */
  readonly validator: Validator | undefined;
  /** Memory for all of its bytes, until flush() writes them; undefined where they go to disk as they come. */
  readonly held?: HeldBytes | undefined;
  /** Whether the file can be stored under its name once it is complete, as far as the store takes files now. */
  readonly named: boolean;
  /** Reserves room for the whole file, where its size is known. Resolves with whether it may be stored. */
  reserve(): Promise<boolean>;
  /** @param total size of the whole file, where that is known */
  write(bytes: Uint8Array, position: number, total?: number): Promise<void>;
  /**
   * Notes in the file that of `total` bytes only the first `front` count, whatever is behind them: for a start after a crash.
   * Holds until truncate().
   */
  mark(front: number, total: number): Promise<void>;
  /** Keeps only the first `length` bytes. */
  truncate(length: number): Promise<void>;
  /** Makes the bytes last, as the commit will, which then finds that done or hears of an error. */
  settle(modifiedAt: number): Promise<void>;
  /** Remembers what the bytes may be resumed under by a later download. */
  rememberValidator(validator: Validator): void;
}

export interface PartWriter {
  /** Whom it releases bytes to. */
  readonly tail: Tail;
  /** Bytes on disk from the start without a gap. */
  readonly position: number;
  /** Size of the whole file as far as it is known. */
  total: number | undefined;
  /** Starts the time for which a small file is held. */
  startHolding(): void;
  /**
   * From now on bytes go to clients and not to disk: in order, and no more ahead of the clients than memory holds. Bytes behind
   * a gap are forgotten, the front stays.
   */
  passThrough(): void;
  /** Whether bytes are passed through. */
  readonly passingThrough: boolean;
  /** Whether a client that comes now can read all of the file. */
  readonly joinable: boolean;
  /** Writes those of the bytes that are not there yet; behind a gap the total has to be known. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Returns what is missing between the two offsets, in order. */
  gaps(start: number, end: number): readonly ByteRange[];
  /** Forgets all bytes; readers that had some break off. `distrust` holds back what comes next until it is verified. */
  restart(distrust: boolean): Promise<void>;
  /** Computes a sum that tells whether the same bytes were at the same place at another time. */
  fingerprint(range: ByteRange): Promise<number>;
  /**
   * Computes the digests of all bytes. Makes them last beside that where their date is known.
   * @param modifiedAt what the file is stored with, should they be right
   */
  digest(modifiedAt: number | undefined): Promise<ComputedDigests>;
  /** Reads all bytes again for another algorithm; undefined where they are not on disk. */
  digestBy(algorithm: HashAlgorithm): Promise<string | undefined>;
  /** Writes to disk what is held in memory. */
  flush(): Promise<void>;
  /** Leaves in the part file only the bytes that may be resumed. */
  prepareResume(): Promise<void>;
  /** Stops hashing and the timer; the part file may be closed after that. */
  stop(): Promise<void>;
  /** Drops bytes that were passed through: nobody reads any more. */
  close(): void;
}

/** How much of the front a crash may cost where there are gaps. */
const MARK_EVERY_BYTES = 8 * 1024 * 1024;

/**
 * @param tail gets its bytes from the writer
 * @param algorithms to hash by beside BLAKE2B
 * @param stop ends write() where it waits for clients
 * @param openBuffer creates the buffer of the bytes from there on, which are passed through
 */
export function createPartWriter(
  part: Part,
  tail: Tail,
  hasher: Hasher,
  algorithms: readonly HashAlgorithm[],
  stop: AbortSignal,
  openBuffer: (start: number) => PassthroughBuffer,
): PartWriter {
  const { held } = part;
  const ranges = createByteRanges(part.length);
  const onDisk = part.fd === undefined ? undefined : readFrom(part.fd);
  let buffer: PassthroughBuffer | undefined;
  tail.readBy(async (position, length) => {
    if (buffer && position >= buffer.start) return buffer.read(position, length);
    const most = buffer ? Math.min(length, buffer.start - position) : length;
    if (held) return held.read(position, most);
    return (await onDisk?.(position, most)) ?? new Uint8Array(0);
  });
  let overdue = false;
  let distrusted = false;
  /** What the hasher reads by itself; what is held in memory is fed. */
  const hashedFd = held ? undefined : part.fd;
  let job: HashJob = hasher.open(hashedFd, algorithms);
  if (ranges.front > 0) job.advance(ranges.front);

  let timer: NodeJS.Timeout | undefined;
  /** The front noted in the part file; undefined while it has no gaps. */
  let marked: number | undefined;
  let marking: Promise<void> = Promise.resolve();
  /** Writes what is held in memory; undefined before that. */
  let flushing: Promise<void> | undefined;

  function release(): void {
    tail.release((offset) => releasable({ position: ranges.until(offset), total: writer.total, overdue, distrusted }));
  }

  function becomeOverdue(): void {
    overdue = true;
    distrusted = false;
    release();
  }

  function mark(): void {
    const { front } = ranges;
    marked = front;
    marking = marking.then(() => part.mark(front, writer.total ?? front));
  }

  /** The mark has to be written before any byte behind a gap, but does not follow the front at every byte. */
  async function markFor(at: number): Promise<void> {
    if (at > ranges.front && marked === undefined) mark();
    else if (marked !== undefined && ranges.front >= marked + MARK_EVERY_BYTES) mark();
    await marking;
  }

  async function truncateTo(length: number): Promise<void> {
    await marking.catch(() => undefined);
    marking = Promise.resolve();
    marked = undefined;
    await part.truncate(length);
  }

  async function truncateToFront(): Promise<void> {
    if (marked !== undefined && !buffer) await truncateTo(ranges.front);
  }

  async function startHashing(fd: number | undefined): Promise<void> {
    const before = job;
    job = hasher.open(fd, algorithms);
    await before.cancel();
  }

  async function put(fresh: Uint8Array, start: number): Promise<void> {
    await markFor(start);
    await part.write(fresh, start, writer.total);
    tail.written(start, fresh);
    const before = ranges.front;
    ranges.add(start, start + fresh.length);
    if (ranges.front > before) job.advance(ranges.front);
  }

  /** Takes the bytes at the front: files that are held come in one piece. */
  function hold(fresh: Uint8Array, start: number, memory: HeldBytes): void {
    memory.push(fresh);
    void job.feed(fresh);
    ranges.add(start, start + fresh.length);
  }

  async function pushThrough(into: PassthroughBuffer, fresh: Uint8Array): Promise<void> {
    for (let at = 0; at < fresh.length; at += PIECE_BYTES) {
      const piece = fresh.subarray(at, at + PIECE_BYTES);
      await abortable(into.push(piece), stop);
      await job.feed(piece);
      const { front } = ranges;
      ranges.add(front, front + piece.length);
      release();
    }
  }

  const writer: PartWriter = {
    tail,
    total: undefined,
    get position() {
      return ranges.front;
    },
    startHolding() {
      timer = setTimeout(becomeOverdue, HOLD_MS);
    },
    passThrough() {
      const { front } = ranges;
      ranges.clear();
      ranges.add(0, front);
      buffer = openBuffer(front);
      if (front === 0) void startHashing(undefined);
      release();
    },
    get passingThrough() {
      return buffer !== undefined;
    },
    get joinable() {
      return buffer?.whole ?? true;
    },
    async write(bytes, at) {
      if (buffer) return await pushThrough(buffer, bytes.subarray(Math.max(0, ranges.front - at)));
      for (const { start, end } of ranges.gaps(at, at + bytes.length)) {
        const fresh = bytes.subarray(start - at, end - at);
        if (held) hold(fresh, start, held);
        else await put(fresh, start);
      }
      release();
    },
    gaps: ranges.gaps,
    async restart(distrust) {
      tail.restart();
      ranges.clear();
      held?.clear();
      if (buffer) {
        buffer.close();
        buffer = openBuffer(0);
      }
      await startHashing(buffer ? undefined : hashedFd);
      await flushing?.catch(() => undefined);
      if (!buffer && (!held || flushing !== undefined)) await truncateTo(0);
      flushing = undefined;
      if (!distrust) return;
      distrusted = true;
      clearTimeout(timer);
      timer = setTimeout(becomeOverdue, DISTRUST_MS);
    },
    async digest(modifiedAt) {
      const front = truncateToFront();
      // Beside the hash, which takes about as long as the disk; the commit hears of an error.
      const settle = async () => {
        await Promise.all([writer.flush(), front]);
        if (!buffer && modifiedAt !== undefined) await part.settle(modifiedAt);
      };
      settle().catch(() => undefined);
      await front;
      return await job.finish(ranges.front);
    },
    async digestBy(algorithm) {
      if (part.fd === undefined || buffer) return undefined;
      const { sha512, others } = await hasher.open(part.fd, [algorithm]).finish(ranges.front);
      return algorithm === "SHA512" ? sha512 : others?.[0]?.slice(algorithm.length + 1);
    },
    fingerprint: async (range) =>
      held?.fingerprint(range) ?? (part.fd === undefined || buffer ? 0 : await fingerprintOf(part.fd, range)),
    async flush() {
      if (held && !buffer && ranges.front > 0) flushing ??= part.write(held.all(), 0, writer.total);
      await flushing;
    },
    async prepareResume() {
      await writer.flush();
      await truncateToFront();
    },
    async stop() {
      clearTimeout(timer);
      await job.cancel();
    },
    close() {
      buffer?.close();
      held?.release();
    },
  };
  return writer;
}
