/**
 * Writes lines to a file descriptor: one at a time while there are few, and many with one system call when they come by the
 * thousand. A line is held back for 20 ms at most.
 */
import { writeSync } from "node:fs";
import { noun } from "./format.ts";

export interface LineWriter {
  /** @param line with its line feed */
  write(line: string): void;
  /** Writes the lines held back; must be called before the process ends. */
  flush(): void;
}

/** Lines are batched for this long at most. */
const BATCH_MS = 20;
/** This many lines in that time are written one by one. */
const MAX_UNBATCHED = 20;
/** This many lines are held for a reader that is stuck; further ones are lost and counted. */
const MAX_HELD = 100_000;

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/** Writes as writeSync() does. @returns how many bytes were written */
export type WriteBytes = (fd: number, bytes: Uint8Array) => number;

export function createLineWriter(fd: number, write: WriteBytes = writeSync): LineWriter {
  let held: string[] = [];
  /** The part of a batch that a pipe did not take. */
  let rest: Uint8Array | undefined;
  let lost = 0;
  let recent = 0;
  let timer: NodeJS.Timeout | undefined;

  /** Returns whether all bytes were written; else the others are in `rest`. */
  function send(bytes: Uint8Array): boolean {
    let at = 0;
    try {
      while (at < bytes.length) at += write(fd, bytes.subarray(at));
      rest = undefined;
    } catch (error) {
      // The reader has left or the disk is full: nowhere is left to say so.
      rest = isBusy(error) ? bytes.subarray(at) : undefined;
    }
    return rest === undefined;
  }

  function flush(): void {
    if (rest !== undefined && !send(rest)) return;
    if (held.length === 0) return;
    const note = lost > 0 ? `… ${lost} more ${noun(lost, "line")} dropped: the reader was too slow\n` : "";
    const text = held.join("") + note;
    held = [];
    lost = 0;
    send(Buffer.from(text));
  }

  function tick(): void {
    flush();
    if (recent <= MAX_UNBATCHED && held.length === 0 && rest === undefined) {
      clearInterval(timer);
      timer = undefined;
    }
    recent = 0;
  }

  return {
    write(line) {
      recent++;
      if (timer === undefined) {
        timer = setInterval(tick, BATCH_MS);
        timer.unref();
      }
      if (held.length >= MAX_HELD) lost++;
      else held.push(line);
      if (recent <= MAX_UNBATCHED) flush();
    },
    flush,
  };
}
