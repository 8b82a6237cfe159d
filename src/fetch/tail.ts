/**
 * A file that grows, and those who read it while it does: each at its own speed and from where it likes, by
 * positional reads, so that a slow reader costs no memory. What may be read is what the writer has released.
 */
import { read as readCallback } from "node:fs";
import { promisify } from "node:util";
import { BrokenOffError } from "../distfile/errors.ts";

const readAt = promisify(readCallback);

/** Each client that takes bytes slowly costs about two of these; larger ones gain no speed (measured). */
const PIECE_BYTES = 64 * 1024;
/** How many pieces are kept for readers that come to the same place. */
const RECENT_PIECES = 16;

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
  /** How many that are. */
  readonly readers: number;
  /** Keeps closed() from resolving until the function given back is called: for who is about to open(). */
  hold(): () => void;
  /** Resolves once nobody reads any more; call after finish() or fail(). */
  closed(): Promise<void>;
}

interface Piece {
  readonly length: number;
  /** Read by all who ask for it, so nobody may write into it. */
  readonly bytes: Promise<Uint8Array>;
}

/** What writer and readers share. */
interface State {
  readonly fd: number;
  until: (offset: number) => number;
  size: number | undefined;
  failure: Error | undefined;
  generation: number;
  readers: number;
  waiting: (() => void)[];
  /** By position, oldest first: most readers are where the others are, at the newest bytes. */
  readonly recent: Map<number, Piece>;
}

const NOTHING = () => 0;

function wake(state: State): void {
  const woken = state.waiting;
  state.waiting = [];
  for (const resume of woken) resume();
}

function change(state: State): Promise<void> {
  return new Promise((resolve) => state.waiting.push(resolve));
}

interface Cursor {
  open: boolean;
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
    checkGround(state, cursor);
    if (cursor.end !== undefined && cursor.position >= cursor.end) return undefined;
    const limit = state.until(cursor.position);
    const until = Math.min(limit, cursor.end ?? limit);
    if (cursor.position < until) return until;
    if (state.size !== undefined) return undefined;
    await change(state);
  }
}

async function readFresh(state: State, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  const { bytesRead } = await readAt(state.fd, buffer, 0, length, position);
  return bytesRead === length ? buffer : buffer.subarray(0, bytesRead);
}

/**
 * One read for all who are at the same place: fifty clients cost the memory and the work of one (measured).
 * Pieces end where the next one of the file begins, so that readers that began or waited elsewhere fall into step.
 */
function readPiece(state: State, position: number, until: number): Promise<Uint8Array> {
  const length = Math.min(until - position, PIECE_BYTES - (position % PIECE_BYTES));
  const known = state.recent.get(position);
  if (known?.length === length) return known.bytes;
  const bytes = readFresh(state, position, length);
  state.recent.delete(position);
  state.recent.set(position, { length, bytes });
  const [oldest] = state.recent.keys();
  if (oldest !== undefined && state.recent.size > RECENT_PIECES) state.recent.delete(oldest);
  return bytes;
}

async function readNext(state: State, cursor: Cursor): Promise<Uint8Array | undefined> {
  for (;;) {
    const until = await nextLimit(state, cursor);
    if (until === undefined) return undefined;
    const bytes = await readPiece(state, cursor.position, until);
    // The file may have been started over while this was read.
    if (cursor.generation !== state.generation) continue;
    if (bytes.length === 0)
      throw new BrokenOffError(`the part file was cut at ${cursor.position} bytes by somebody else`);
    cursor.position += bytes.length;
    return bytes;
  }
}

/** Counts one more reader, until the function given back is called. */
function enter(state: State): () => void {
  let inside = true;
  state.readers++;
  return () => {
    if (!inside) return;
    inside = false;
    state.readers--;
    wake(state);
  };
}

export function createTail(fd: number): Tail {
  const state: State = {
    fd,
    until: NOTHING,
    size: undefined,
    failure: undefined,
    generation: 0,
    readers: 0,
    waiting: [],
    recent: new Map(),
  };
  return {
    release(until) {
      state.until = until;
      wake(state);
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
      const cursor: Cursor = { open: true, start, end, position: start, generation: state.generation };
      const leave = enter(state);
      return {
        read: () => readNext(state, cursor),
        close() {
          cursor.open = false;
          leave();
        },
      };
    },
    get watched() {
      return state.readers > 0;
    },
    get readers() {
      return state.readers;
    },
    hold: () => enter(state),
    async closed() {
      while (state.readers > 0) await change(state);
    },
  };
}
