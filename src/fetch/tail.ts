/**
 * Lets readers follow a file while it grows, each at its own speed and from where it likes, by positional reads, so that a slow
 * reader costs no memory. Readers get what the writer has released.
 */
import { read as readCallback } from "node:fs";
import { promisify } from "node:util";
import { BrokenOffError } from "../distfile/errors.ts";
import { createSharedReads, type PieceSize, type ReadAt, type SharedReads } from "./shared-reads.ts";

const readAt = promisify(readCallback);

export interface Reader {
  /**
   * Returns the next chunk; undefined at the end.
   * @throws {BrokenOffError} when bytes already given turned out wrong; before the first byte, the error given to fail()
   */
  read(): Promise<Uint8Array | undefined>;
  /** Must be called once, also after a failure. */
  close(): void;
}

export interface Tail {
  /** Says where the bytes of the file are, before any is released. */
  readBy(read: ReadAt): void;
  /** @param until returns for each offset the byte up to which readers may read from there; the offset itself or less: none */
  release(until: (offset: number) => number): void;
  /** Takes bytes that were written just now, so that readers who come to them need no disk; nobody may change them. */
  written(position: number, bytes: Uint8Array): void;
  /** The file is complete and right. */
  finish(size: number): void;
  fail(error: Error): void;
  /** Discards all bytes so far: readers that had some break off, the others start over. */
  restart(): void;
  /** Resolves once the byte at `offset` may be read or the file has ended before it; rejects with the error given to fail(). */
  reached(offset: number): Promise<void>;
  /** @param end the byte after the last one wanted; the file's end where undefined */
  open(start: number, end: number | undefined): Reader;
  /** Reads all bytes, once for all who ask; to be called once the file is right, by a caller that holds it. */
  whole(): Promise<Blob>;
  /** Whether anybody reads or is about to. */
  readonly watched: boolean;
  /** Whether any reader has had bytes. */
  readonly begun: boolean;
  /** How many read or are about to. */
  readonly readers: number;
  /** Keeps closed() from resolving until the returned function is called: for a caller that is about to open(). */
  hold(): () => void;
  /** Where the reader furthest behind is; a holder has yet to read all. Undefined where nobody reads. */
  readonly lowest: number | undefined;
  /** Resolves when something has changed, also when a reader has read on. */
  moved(): Promise<void>;
  /** Breaks off the readers furthest behind, where others are further on. */
  breakOffSlowest(): void;
  /** Resolves once nobody reads any more; to be called after finish() or fail(). */
  closed(): Promise<void>;
}

/** The state shared by writer and readers. */
interface State {
  until: (offset: number) => number;
  size: number | undefined;
  failure: Error | undefined;
  generation: number;
  /** Where each reader is. */
  readonly readers: Set<{ readonly start?: number; readonly position: number }>;
  waiting: (() => void)[];
  moving: (() => void)[];
  readonly sharedReads: SharedReads;
}

const NOTHING = () => 0;

function wake(state: State): void {
  const woken = state.waiting;
  state.waiting = [];
  for (const resume of woken) resume();
  wakeMoved(state);
}

function wakeMoved(state: State): void {
  const woken = state.moving;
  state.moving = [];
  for (const resume of woken) resume();
}

function change(state: State): Promise<void> {
  return new Promise((resolve) => state.waiting.push(resolve));
}

interface Cursor {
  open: boolean;
  /** Too slow for the others, where all have to keep together. */
  tooSlow: boolean;
  readonly start: number;
  readonly end: number | undefined;
  position: number;
  generation: number;
}

/** @throws when the bytes that this reader has had are no longer valid, or the download has failed */
function checkStillValid(state: State, cursor: Cursor): void {
  const begun = cursor.position > cursor.start;
  if (cursor.generation !== state.generation) {
    if (begun) throw new BrokenOffError("the bytes sent so far turned out wrong");
    cursor.generation = state.generation;
  }
  if (!state.failure) return;
  throw begun ? new BrokenOffError(state.failure.message, { cause: state.failure }) : state.failure;
}

/** Waits for readable bytes. @returns the byte after the last one; undefined at the end */
async function nextLimit(state: State, cursor: Cursor, pieceSize: PieceSize): Promise<number | undefined> {
  for (;;) {
    // After the last reader has left, the descriptor may belong to another file.
    if (!cursor.open) throw new BrokenOffError("the reader was closed");
    if (cursor.tooSlow) throw new BrokenOffError("the client is too slow for a file that can't be stored");
    checkStillValid(state, cursor);
    if (cursor.end !== undefined && cursor.position >= cursor.end) return undefined;
    const limit = state.size ?? state.until(cursor.position);
    const until = Math.min(limit, cursor.end ?? limit);
    if (cursor.position < until) return until;
    if (state.size !== undefined) return undefined;
    await change(state);
    // All who wait are woken at once.
    await pieceSize.turn();
  }
}

/** Returns a function that reads from an open file. */
export function readFrom(fd: number): ReadAt {
  return async (position, length) => {
    const buffer = new Uint8Array(length);
    const { bytesRead } = await readAt(fd, buffer, 0, length, position);
    return bytesRead === length ? buffer : buffer.subarray(0, bytesRead);
  };
}

async function readNext(state: State, cursor: Cursor, pieceSize: PieceSize): Promise<Uint8Array | undefined> {
  for (;;) {
    const turn = pieceSize.turn();
    if (turn !== undefined) await turn;
    const until = await nextLimit(state, cursor, pieceSize);
    if (until === undefined) return undefined;
    const bytes = await state.sharedReads.read(cursor.position, until);
    // The file may have been started over while this was read.
    if (cursor.generation !== state.generation) continue;
    if (bytes.length === 0)
      throw new BrokenOffError(`the part file was cut at ${cursor.position} bytes by somebody else`);
    cursor.position += bytes.length;
    wakeMoved(state);
    return bytes;
  }
}

/** Counts one more reader, until the returned function is called. */
function enter(state: State, reader: { readonly position: number }): () => void {
  state.readers.add(reader);
  return () => {
    if (state.readers.delete(reader)) wake(state);
  };
}

function lowestOf(state: State): number | undefined {
  return state.readers.size === 0 ? undefined : Math.min(...[...state.readers].map(({ position }) => position));
}

async function readAll(reader: Reader): Promise<Blob> {
  const chunks: Uint8Array[] = [];
  try {
    for (let bytes = await reader.read(); bytes !== undefined; bytes = await reader.read()) chunks.push(bytes);
  } finally {
    reader.close();
  }
  return new Blob(chunks);
}

/** Creates the tail of a file of which nothing is here yet, not even a place on disk. */
export function createTail(pieceSize: PieceSize): Tail {
  let read: ReadAt = async () => new Uint8Array(0);
  const state: State = {
    until: NOTHING,
    size: undefined,
    failure: undefined,
    generation: 0,
    readers: new Set(),
    waiting: [],
    moving: [],
    sharedReads: createSharedReads((position, length) => read(position, length), pieceSize),
  };
  let all: Promise<Blob> | undefined;

  function open(start: number, end: number | undefined): Reader {
    const { generation } = state;
    const cursor: Cursor = { open: true, tooSlow: false, start, end, position: start, generation };
    const leave = enter(state, cursor);
    const giveBack = pieceSize.enter();
    return {
      read: () => readNext(state, cursor, pieceSize),
      close() {
        cursor.open = false;
        giveBack();
        leave();
      },
    };
  }

  return {
    readBy(given) {
      read = given;
    },
    release(until) {
      state.until = until;
      wake(state);
    },
    written(position, bytes) {
      if (state.readers.size > 0 && bytes.length > 0) state.sharedReads.written(position, bytes);
    },
    finish(size) {
      // From now on release() changes nothing: the hold timer may fire while the disk still syncs.
      state.size = size;
      wake(state);
    },
    fail(error) {
      state.failure = error;
      wake(state);
    },
    restart() {
      state.generation++;
      state.sharedReads.clear();
      state.until = NOTHING;
      wake(state);
    },
    async reached(offset) {
      while (state.size === undefined && offset >= state.until(offset)) {
        if (state.failure) throw state.failure;
        await change(state);
      }
    },
    open,
    whole() {
      all ??= readAll(open(0, undefined));
      return all;
    },
    get watched() {
      return state.readers.size > 0;
    },
    get begun() {
      return [...state.readers].some(({ start = 0, position }) => position > start);
    },
    get readers() {
      return state.readers.size;
    },
    hold: () => enter(state, { position: 0 }),
    get lowest() {
      return lowestOf(state);
    },
    moved: () => new Promise((resolve) => state.moving.push(resolve)),
    breakOffSlowest() {
      const lowest = lowestOf(state);
      const slowest = [...state.readers].filter(({ position }) => position === lowest);
      if (slowest.length === state.readers.size) return;
      for (const reader of slowest) if ("tooSlow" in reader) reader.tooSlow = true;
      for (const reader of slowest) state.readers.delete(reader);
      wake(state);
    },
    async closed() {
      while (state.readers.size > 0) await change(state);
    },
  };
}
