/**
 * Holds in memory the newest bytes of a file that the store does not take, as long as a client has still to read them. So a file
 * reaches its clients however full the disk is; the memory is bounded, and all clients read at the speed of the slowest.
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
  /** Returns bytes from there on, no more than so many; none where they are gone. */
  read(position: number, length: number): Uint8Array;
}

/** Small files are held whole until they are verified (release-policy.ts): these have to fit. */
const CAPACITY_BYTES = 5 * 1024 * 1024;
/** A reader that takes nothing for so long, while others wait for it, is broken off: they would give up at 60 s. */
const SLOW_READER_MS = 30_000;

interface BufferedChunk {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** @param onHeldUp called when there is no room for the next bytes until a reader reads on */
export function createPassthroughBuffer(
  start: number,
  readers: Readers,
  onHeldUp: () => void,
  slowReaderMs = SLOW_READER_MS,
): PassthroughBuffer {
  const chunks: BufferedChunk[] = [];
  let end = start;
  /** The first byte that is still here. */
  let oldest = start;

  function dropRead(): void {
    const lowest = readers.lowest ?? end;
    for (let first = chunks[0]; first && first.at + first.bytes.length <= lowest; first = chunks[0]) {
      chunks.shift();
      oldest = first.at + first.bytes.length;
    }
  }

  const heldBytes = () => (chunks.length === 0 ? 0 : end - oldest);

  /** Resolves with whether a reader furthest behind has read on, or gone, in that time. */
  async function moves(before: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), slowReaderMs);
    try {
      while (readers.lowest === before) {
        if ((await Promise.race([readers.moved(), late])) === "late") return false;
      }
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  async function makeRoom(bytes: number): Promise<void> {
    for (let lowest = readers.lowest; lowest !== undefined; lowest = readers.lowest) {
      dropRead();
      if (heldBytes() === 0 || heldBytes() + bytes <= CAPACITY_BYTES) return;
      onHeldUp();
      if (!(await moves(lowest))) readers.breakOffSlowest();
    }
    chunks.length = 0;
    oldest = end;
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
      chunks.push({ at: end, bytes: Uint8Array.from(bytes) });
      end += bytes.length;
    },
    read(position, length) {
      const chunk = chunks.find(({ at, bytes }) => position >= at && position < at + bytes.length);
      if (!chunk) return new Uint8Array(0);
      return chunk.bytes.subarray(position - chunk.at, position - chunk.at + length);
    },
  };
}
