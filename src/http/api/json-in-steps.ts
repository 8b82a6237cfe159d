/**
 * Parses a JSON object in steps (RFC 8259), between which the event loop serves others: a request may have lists of hundreds of
 * thousands of names, which take JSON.parse() a tenth of a second at once.
 */
import { createSteps } from "../../lib/steps.ts";

/** A list is parsed in pieces of this size. */
const PIECE_BYTES = 64 * 1024;
/** Bytes read between two looks at the time. */
const STEP_BYTES = 16 * 1024;
/** Longest entry of a list, and most bytes of the object without the entries of its lists: these are parsed at once. */
const MAX_UNDIVIDED_BYTES = 256 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The object is valid so far, but has a part that would hold up others. */
export class UndividedError extends Error {
  constructor() {
    super(`An entry of a list, or all but the lists, is longer than ${MAX_UNDIVIDED_BYTES} bytes.`);
  }
}

/** @throws {SyntaxError} {TypeError} where it is not JSON in UTF-8 */
function parse(bytes: Uint8Array, before = "", after = ""): unknown {
  if (bytes.length > MAX_UNDIVIDED_BYTES) throw new UndividedError();
  return JSON.parse(before + new TextDecoder("utf-8", { fatal: true }).decode(bytes) + after);
}

/** Cuts the lists directly in an object out of its text, and parses them piece by piece. */
function createDivider(body: Uint8Array, pieceBytes: number) {
  const lists: unknown[][] = [];
  const rest: Uint8Array[] = [];
  let depth = 0;
  /** The list that is being read. */
  let list: unknown[] | undefined;
  /** Whether entries of it have been parsed. */
  let isBegun = false;
  /** Where what has not been parsed yet begins: a piece of the list, or of the rest. */
  let start = 0;
  let inString = false;

  function addEntries(to: unknown[], end: number, isLast: boolean): void {
    const entries = parse(body.subarray(start, end), "[", "]");
    const mayBeEmpty = isLast && !isBegun;
    if (!Array.isArray(entries) || (entries.length === 0 && !mayBeEmpty)) throw new SyntaxError("a value is missing");
    for (const entry of entries) to.push(entry);
  }

  function open(at: number, byte: number): void {
    depth++;
    if (byte !== OPEN_LIST || depth !== 2) return;
    // The list has its number as its only entry, until the rest is parsed.
    rest.push(body.subarray(start, at + 1), Buffer.from(String(lists.length)));
    list = [];
    lists.push(list);
    [start, isBegun] = [at + 1, false];
  }

  function close(at: number, byte: number): void {
    depth--;
    if (depth !== 1 || !list) return;
    if (byte !== CLOSE_LIST) throw new SyntaxError("a list ends with }");
    addEntries(list, at, true);
    [start, list] = [at, undefined];
  }

  function separate(at: number): void {
    if (depth !== 2 || !list || at - start < pieceBytes) return;
    addEntries(list, at, false);
    [start, isBegun] = [at + 1, true];
  }

  function readOutsideString(at: number, byte: number | undefined): void {
    if (byte === COMMA) separate(at);
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) open(at, byte);
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) close(at, byte);
  }

  return {
    /** Reads bytes up to an offset. @returns where to go on */
    read(from: number, to: number): number {
      let at = from;
      for (; at < to; at++) {
        const byte = body[at];
        if (byte === QUOTE) inString = !inString;
        else if (!inString) readOutsideString(at, byte);
        else if (byte === BACKSLASH) at++;
      }
      return at;
    },
    end(): unknown {
      if (list) throw new SyntaxError("a list has no end");
      const value = parse(Buffer.concat([...rest, body.subarray(start)]));
      if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, field]) => [key, Array.isArray(field) ? lists[field[0]] : field]),
      );
    },
  };
}

/**
 * Parses a body; lists in it directly may have any length.
 * @param signal its reason is thrown once it is aborted
 * @throws {SyntaxError} {TypeError} where it is not JSON in UTF-8
 * @throws {UndividedError} where anything else than a list is long
 */
export async function parseJsonInSteps(
  body: Uint8Array,
  signal?: AbortSignal,
  pieceBytes = PIECE_BYTES,
): Promise<unknown> {
  if (body.length <= pieceBytes) return parse(body);
  const divider = createDivider(body, pieceBytes);
  const endStep = createSteps(signal);
  for (let at = 0; at < body.length; await endStep()) at = divider.read(at, Math.min(at + STEP_BYTES, body.length));
  return divider.end();
}
