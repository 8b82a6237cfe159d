/**
 * A file that grows, and those who read it while it does: each at its own speed and from where it likes, by
 * positional reads, so that a slow reader costs no memory. What may be read is what the writer has released.
 */
import { read as readCallback } from "node:fs";
import { promisify } from "node:util";
import { BrokenOffError } from "../distfile/errors.ts";
import { createRecent, type ReadAt, type Recent } from "./shared-reads.ts";

const readAt = promisify(readCallback);

export interface Reader {
  /**
   * The next piece, undefined at the end.
   * @throws {BrokenOffError} when bytes already given turned out wrong, and what fail() was told otherwise
   */
  read(): Promise<Uint8Array | undefined>;
  /** Must be called once, also after a failure. */
  close(): void;
}

export interface Tail {
  /** Tells for each byte up to which one may be read from there on; not beyond it where it may not be read itself. */
  release(until: (offset: number) => number): void;
  /** Bytes that were written just now, so that readers who come to them need not ask the disk; nobody may change them. */
  written(position: number, bytes: Uint8Array): void;
  /** The file is whole and right. */
  finish(size: number): void;
  fail(error: Error): void;
  /** All bytes so far are void: readers that have had some break off, the others start over. */
  restart(): void;
  /** Resolves once the byte at `offset` may be read or the file has ended before it; rejects as fail() says. */
  reached(offset: number): Promise<void>;
  /** @param end the byte after the last one wanted; the file's end where undefined */
  open(start: number, end: number | undefined): Reader;
  /** Whether anybody reads or is about to. */
  readonly watched: boolean;
  /** Whether any of them has had bytes. */
  readonly begun: boolean;
  /** How many that are. */
  readonly readers: number;
  /** Keeps closed() from resolving until the function given back is called: for who is about to open(). */
  hold(): () => void;
  /** Where the one who is furthest behind is; who holds has yet to read all. Undefined where nobody reads. */
  readonly lowest: number | undefined;
  /** Resolves when something has changed, also when somebody has read on. */
  moved(): Promise<void>;
  /** Breaks off the readers furthest behind, where others are further on. */
  breakOffSlowest(): void;
  /** Resolves once nobody reads any more; call after finish() or fail(). */
  closed(): Promise<void>;
}

/** What writer and readers share. */
interface State {
  until: (offset: number) => number;
  size: number | undefined;
  failure: Error | undefined;
  generation: number;
  /** Where each reader is. */
  readonly readers: Set<{ readonly start?: number; readonly position: number }>;
  waiting: (() => void)[];
  moving: (() => void)[];
  readonly recent: Recent;
}

const NOTHING = () => 0;

function wake(state: State): void {
  const woken = state.waiting;
  state.waiting = [];
  for (const resume of woken) resume();
  tellOfMove(state);
}

function tellOfMove(state: State): void {
  const told = state.moving;
  state.moving = [];
  for (const resume of told) resume();
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

/** Sees to it that what this reader has had still holds. */
function checkGround(state: State, cursor: Cursor): void {
  const begun = cursor.position > cursor.start;
  if (cursor.generation !== state.generation) {
    if (begun) throw new BrokenOffError("the bytes sent so far turned out wrong");
    cursor.generation = state.generation;
  }
  if (!state.failure) return;
  throw begun ? new BrokenOffError(state.failure.message, { cause: state.failure }) : state.failure;
}

/** The byte after the last one that can be had now, or undefined at the end. */
async function nextLimit(state: State, cursor: Cursor): Promise<number | undefined> {
  for (;;) {
    // The descriptor may be somebody else's once the last reader has left.
    if (!cursor.open) throw new BrokenOffError("the reader was closed");
    if (cursor.tooSlow) throw new BrokenOffError("the client takes the file too slowly, which can't be stored");
    checkGround(state, cursor);
    if (cursor.end !== undefined && cursor.position >= cursor.end) return undefined;
    const limit = state.until(cursor.position);
    const until = Math.min(limit, cursor.end ?? limit);
    if (cursor.position < until) return until;
    if (state.size !== undefined) return undefined;
    await change(state);
  }
}

/** Reads from an open file. */
export function readFrom(fd: number): ReadAt {
  return async (position, length) => {
    const buffer = new Uint8Array(length);
    const { bytesRead } = await readAt(fd, buffer, 0, length, position);
    return bytesRead === length ? buffer : buffer.subarray(0, bytesRead);
  };
}

async function readNext(state: State, cursor: Cursor): Promise<Uint8Array | undefined> {
  for (;;) {
    const until = await nextLimit(state, cursor);
    if (until === undefined) return undefined;
    const bytes = await state.recent.read(cursor.position, until);
    // The file may have been started over while this was read.
    if (cursor.generation !== state.generation) continue;
    if (bytes.length === 0)
      throw new BrokenOffError(`the part file was cut at ${cursor.position} bytes by somebody else`);
    cursor.position += bytes.length;
    tellOfMove(state);
    return bytes;
  }
}

/** Counts one more reader, until the function given back is called. */
function enter(state: State, reader: { readonly position: number }): () => void {
  state.readers.add(reader);
  return () => {
    if (state.readers.delete(reader)) wake(state);
  };
}

function lowestOf(state: State): number | undefined {
  return state.readers.size === 0 ? undefined : Math.min(...[...state.readers].map(({ position }) => position));
}

export function createTail(read: ReadAt): Tail {
  const state: State = {
    until: NOTHING,
    size: undefined,
    failure: undefined,
    generation: 0,
    readers: new Set(),
    waiting: [],
    moving: [],
    recent: createRecent(read),
  };
  return {
    release(until) {
      state.until = until;
      wake(state);
    },
    written(position, bytes) {
      if (state.readers.size > 0 && bytes.length > 0) state.recent.written(position, bytes);
    },
    finish(size) {
      state.until = () => size;
      state.size = size;
      wake(state);
    },
    fail(error) {
      state.failure = error;
      wake(state);
    },
    restart() {
      state.generation++;
      state.recent.clear();
      state.until = NOTHING;
      wake(state);
    },
    async reached(offset) {
      while (offset >= state.until(offset) && state.size === undefined) {
        if (state.failure) throw state.failure;
        await change(state);
      }
    },
    open(start, end) {
      const { generation } = state;
      const cursor: Cursor = { open: true, tooSlow: false, start, end, position: start, generation };
      const leave = enter(state, cursor);
      return {
        read: () => readNext(state, cursor),
        close() {
          cursor.open = false;
          leave();
        },
      };
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
