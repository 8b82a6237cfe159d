/**
 * Holds small files in memory while they come in: they are hashed and answered from there, and written to disk at once when they
 * are right. The memory is bounded for all of them together; a file that finds none left goes by the disk.
 */
import { crc32 } from "node:zlib";
import type { ByteRange } from "../lib/byte-range.ts";

export interface HeldBytes {
  /** Takes the next bytes; nobody may change them. */
  push(bytes: Uint8Array): void;
  /** Returns bytes from there on: at most that many, at least one; none behind the end. */
  read(position: number, length: number): Uint8Array;
  /** Returns all bytes in one piece. */
  all(): Uint8Array;
  /** As fingerprint.ts has it for files. */
  fingerprint(range: ByteRange): number;
  /** Forgets all bytes. */
  clear(): void;
  /** Gives the memory back: nobody reads any more. */
  release(): void;
}

/** The memory that all files share. */
export interface HeldMemory {
  /** Returns undefined where there is not enough. */
  take(bytes: number): HeldBytes | undefined;
}

/** Enough for as many files of the largest size as are downloaded at once by default. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** A client may still be taking an answer from memory, which the platform does not tell. */
const LINGER_MS = 5_000;

interface Chunk {
  readonly start: number;
  readonly bytes: Uint8Array;
}

function createHeldBytes(release: () => void): HeldBytes {
  let chunks: Chunk[] = [];
  let end = 0;

  function read(position: number, length: number): Uint8Array {
    const chunk = chunks.findLast(({ start }) => start <= position);
    return chunk?.bytes.subarray(position - chunk.start, position - chunk.start + length) ?? new Uint8Array(0);
  }

  return {
    push(bytes) {
      chunks.push({ start: end, bytes });
      end += bytes.length;
    },
    read,
    all: () => Buffer.concat(chunks.map(({ bytes }) => bytes)),
    fingerprint(range) {
      let sum = 0;
      for (let at = range.start; at < range.end; ) {
        const bytes = read(at, range.end - at);
        if (bytes.length === 0) break;
        sum = crc32(bytes, sum);
        at += bytes.length;
      }
      return sum;
    },
    clear() {
      chunks = [];
      end = 0;
    },
    release,
  };
}

export function createHeldMemory(most = MAX_HELD_BYTES, lingerMs = LINGER_MS): HeldMemory {
  let left = most;
  return {
    take(bytes) {
      if (bytes > left) return undefined;
      left -= bytes;
      const give = () => {
        left += bytes;
      };
      return createHeldBytes(() => setTimeout(give, lingerMs).unref());
    },
  };
}
