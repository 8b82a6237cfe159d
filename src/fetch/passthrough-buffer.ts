/**
 * Holds in memory the newest bytes of a file that the store does not take, as long as a client has still to read them. So a file
 * reaches its clients however full the disk is; the memory is bounded for each file and for all together, and all clients of a file
 * read at the speed of the slowest.
 */
import { UnavailableError } from "../distfile/errors.ts";

/** The readers of the file, as the tail knows them. */
export interface Readers {
  /** Where the reader furthest behind is; undefined where nobody reads. */
  readonly lowest: number | undefined;
  /** Resolves when a reader has read on, has come or has gone. */
  moved(): Promise<void>;
  /** Breaks off the readers furthest behind, where others are further on. */
  breakOffSlowest(): void;
}

export interface PassthroughBuffer {
  /** Bytes from here on are not on disk. */
  readonly start: number;
  /** Whether a reader that comes now can have all of the file up to now. */
  readonly whole: boolean;
  /** Takes the next bytes once there is room for them. @throws {UnavailableError} where nobody reads any more */
  push(bytes: Uint8Array): Promise<void>;
  /** Returns at most that many bytes from there on; none where they are gone. */
  read(position: number, length: number): Uint8Array;
  /** Drops all bytes: nobody reads any more. */
  close(): void;
}

/** How many buffers may be large at once: shared by all files. */
export interface LargeBuffers {
  /** Returns whether one more may be. @param verified whether a Manifest vouches for the file: others have but a share */
  take(verified: boolean): boolean;
  give(verified: boolean): void;
  /** Calls back each time that one is given back, until the returned function is called. */
  onGiven(callback: () => void): () => void;
}

/** Small files are held whole until they are verified (release-policy.ts): these have to fit. */
const MAX_FILE_BYTES = 5 * 1024 * 1024;
/** Enough for as many files as are downloaded at once by default, most of which are stored. */
const MAX_LARGE_BUFFERS = 12;
/** Of files that no Manifest vouches for, which may have no end: nothing of them is held back. */
const MAX_UNVERIFIED_LARGE_BUFFERS = 3;
/** Each file may hold this much in any case: what is held back of it until it is verified, a piece before that, and one after. */
const SMALL_BUFFER_BYTES = 256 * 1024;
/** Bytes to be given to push() at most, so that these fit. */
export const PIECE_BYTES = 64 * 1024;
/** A reader that takes nothing for this long, while others wait for it, is broken off: they would give up at 60 s. */
const SLOW_READER_MS = 30_000;

interface BufferedChunk {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A file that finds none free waits for one, or streams through a small buffer as soon as its bytes may be sent. */
export function createLargeBuffers(most = MAX_LARGE_BUFFERS): LargeBuffers {
  const waiting = new Set<() => void>();
  let free = most;
  let freeUnverified = Math.min(most, MAX_UNVERIFIED_LARGE_BUFFERS);
  return {
    take(verified) {
      if (free === 0 || (!verified && freeUnverified === 0)) return false;
      free--;
      if (!verified) freeUnverified--;
      return true;
    },
    give(verified) {
      free++;
      if (!verified) freeUnverified++;
      for (const callback of waiting) callback();
    },
    onGiven(callback) {
      waiting.add(callback);
      return () => waiting.delete(callback);
    },
  };
}

/**
 * @param verified whether a Manifest vouches for the file
 * @param onHeldUp called when there is no room for the next bytes until a reader reads on
 */
export function createPassthroughBuffer(
  start: number,
  verified: boolean,
  readers: Readers,
  largeBuffers: LargeBuffers,
  onHeldUp: () => void,
  slowReaderMs = SLOW_READER_MS,
): PassthroughBuffer {
  const chunks: BufferedChunk[] = [];
  let end = start;
  /** The first byte that is still here. */
  let oldest = start;
  let isLarge = false;

  const heldBytes = () => (chunks.length === 0 ? 0 : end - oldest);

  function dropRead(): void {
    const lowest = readers.lowest ?? end;
    for (let first = chunks[0]; first && first.at + first.bytes.length <= lowest; first = chunks[0]) {
      chunks.shift();
      oldest = first.at + first.bytes.length;
    }
    giveBack();
  }

  function giveBack(): void {
    if (!isLarge || heldBytes() > SMALL_BUFFER_BYTES) return;
    isLarge = false;
    largeBuffers.give(verified);
  }

  function dropAll(): void {
    chunks.length = 0;
    oldest = end;
    giveBack();
  }

  function hasRoom(bytes: number): boolean {
    const held = heldBytes();
    if (held === 0 || held + bytes <= SMALL_BUFFER_BYTES) return true;
    if (held + bytes > MAX_FILE_BYTES) return false;
    isLarge ||= largeBuffers.take(verified);
    return isLarge;
  }

  /** Resolves with whether a reader furthest behind has read on, or gone, or another buffer is no longer large, in that time. */
  async function moves(before: number): Promise<boolean> {
    const { promise: event, resolve } = Promise.withResolvers<"late" | "given">();
    const timer = setTimeout(() => resolve("late"), slowReaderMs);
    const leave = largeBuffers.onGiven(() => resolve("given"));
    try {
      while (readers.lowest === before) {
        const first = await Promise.race([readers.moved(), event]);
        if (first !== undefined) return first === "given";
      }
      return true;
    } finally {
      clearTimeout(timer);
      leave();
    }
  }

  async function makeRoom(bytes: number): Promise<void> {
    for (let lowest = readers.lowest; lowest !== undefined; lowest = readers.lowest) {
      dropRead();
      if (hasRoom(bytes)) return;
      onHeldUp();
      if (!(await moves(lowest))) readers.breakOffSlowest();
    }
    dropAll();
    const detail = "cannot store it, and nobody waits for it";
    throw new UnavailableError("Nobody waits for it any more", [{ source: "this server", kind: "failed", detail }]);
  }

  return {
    start,
    get whole() {
      return oldest === start;
    },
    async push(bytes) {
      await makeRoom(bytes.length);
      chunks.push({ at: end, bytes: bytes.slice() });
      end += bytes.length;
    },
    read(position, length) {
      const chunk = chunks.find(({ at, bytes }) => position >= at && position < at + bytes.length);
      if (!chunk) return new Uint8Array(0);
      return chunk.bytes.subarray(position - chunk.at, position - chunk.at + length);
    },
    close: dropAll,
  };
}
