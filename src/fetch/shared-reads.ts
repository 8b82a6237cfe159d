/**
 * Reads chunks of a growing file for its readers: one read for all who are at the same place, so that fifty clients cost the
 * memory and the work of one (measured); a reader that keeps up with the writer gets what was written, without a read. What a slow
 * client has not taken lies in memory, so pieces get smaller the more readers there are.
 */

/** Divides memory among the readers of all files coming in. */
export interface PieceSize {
  /** Counts one more reader, until the returned function is called. */
  enter(): () => void;
  /** How many bytes one reader gets at once. */
  readonly bytes: number;
  /** How many bytes of one file are kept for readers that come to the same place. */
  readonly keptBytes: number;
  /** Returns what a reader has to wait for before its next piece, so that thousands of readers never hold up the event loop. */
  turn(): Promise<void> | undefined;
}

/** Each client that takes bytes slowly costs about two pieces; larger ones gain no speed (measured). */
const MAX_PIECE_BYTES = 64 * 1024;
/** Smaller ones cost more processor time than they save memory (measured). */
const MIN_PIECE_BYTES = 8 * 1024;
/** What the pieces of all readers come to, as long as they are not the smallest. */
const ALL_PIECES_BYTES = 8 * 1024 * 1024;
/** What is kept of one file for readers that come to the same place. */
const MAX_KEPT_BYTES = 1024 * 1024;
const MIN_KEPT_BYTES = 64 * 1024;
/** What is kept of all files together, as long as that of each is not the least. */
const ALL_KEPT_BYTES = 16 * 1024 * 1024;
/** Small pieces given in one turn of the event loop: these take a few milliseconds. */
const PIECES_PER_TURN = 32;

export function createPieceSize(): PieceSize {
  let readers = 0;
  const turns = createEventLoopTurns(PIECES_PER_TURN);
  const areFew = () => readers * MAX_PIECE_BYTES <= ALL_PIECES_BYTES;
  return {
    turn: () => (areFew() ? undefined : turns()),
    enter() {
      readers++;
      let inside = true;
      return () => {
        if (inside) readers--;
        inside = false;
      };
    },
    get keptBytes() {
      return Math.max(MIN_KEPT_BYTES, Math.min(MAX_KEPT_BYTES, ALL_KEPT_BYTES / Math.max(1, readers)));
    },
    get bytes() {
      if (areFew()) return MAX_PIECE_BYTES;
      // A power of two, so that readers stay in step.
      return Math.max(MIN_PIECE_BYTES, 2 ** Math.floor(Math.log2(ALL_PIECES_BYTES / readers)));
    },
  };
}

import { createEventLoopTurns } from "../lib/event-loop-turns.ts";

/** Reads at most that many bytes of the file from there on; none where they can't be had. */
export type ReadAt = (position: number, length: number) => Promise<Uint8Array>;

/** How many chunks of one file are kept for readers that come to the same place. */
const MAX_CHUNKS = 16;

export interface SharedReads {
  /** Reads the bytes from there on, none of them at or after `until`. */
  read(position: number, until: number): Promise<Uint8Array>;
  /** Takes bytes that were written just now; nobody may change them. */
  written(position: number, bytes: Uint8Array): void;
  /** Forgets all bytes. */
  clear(): void;
}

interface Chunk {
  readonly length: number;
  /** Read by all who ask for it, so nobody may write into it. */
  readonly bytes: Promise<Uint8Array>;
  /** As it was written: readers may have it up to wherever they may read. */
  readonly written: boolean;
}

/** @param pieceSize says how much is read at once, and how much is kept */
export function createSharedReads(readAt: ReadAt, pieceSize: Pick<PieceSize, "bytes" | "keptBytes">): SharedReads {
  /** By position, oldest first: most readers are where the others are, at the newest bytes. */
  const chunks = new Map<number, Chunk>();
  let keptBytes = 0;

  function drop(position: number): void {
    keptBytes -= chunks.get(position)?.length ?? 0;
    chunks.delete(position);
  }

  /** The newest is kept, however large it is. */
  function keep(position: number, chunk: Chunk): void {
    drop(position);
    chunks.set(position, chunk);
    keptBytes += chunk.length;
    for (const oldest of chunks.keys()) {
      if (chunks.size === 1 || (chunks.size <= MAX_CHUNKS && keptBytes <= pieceSize.keptBytes)) break;
      drop(oldest);
    }
  }

  /** Returns a part of what was written just now, for readers of small pieces. */
  function fromWritten(position: number, length: number): Promise<Uint8Array> | undefined {
    for (const [start, { bytes, length: written, written: isWritten }] of chunks) {
      const from = position - start;
      if (isWritten && from >= 0 && from < written) return bytes.then((all) => all.subarray(from, from + length));
    }
    return undefined;
  }

  return {
    read(position, until) {
      const piece = pieceSize.bytes;
      const known = chunks.get(position);
      if (known?.written && piece === MAX_PIECE_BYTES) {
        const most = until - position;
        return known.length <= most ? known.bytes : known.bytes.then((bytes) => bytes.subarray(0, most));
      }
      // Each ends where the next piece of the file begins, so that readers that began or waited elsewhere fall into step.
      const length = Math.min(until - position, piece - (position % piece));
      const written = piece === MAX_PIECE_BYTES ? undefined : fromWritten(position, length);
      if (written !== undefined) return written;
      if (known?.length === length) return known.bytes;
      const bytes = readAt(position, length);
      keep(position, { length, bytes, written: false });
      return bytes;
    },
    written(position, bytes) {
      keep(position, { length: bytes.length, bytes: Promise.resolve(bytes), written: true });
    },
    clear() {
      chunks.clear();
      keptBytes = 0;
    },
  };
}
