/**
 * Writes lines to a descriptor: each at once while there are few, and many with one system call when they come by the
 * thousand, so that a line costs what its text costs. None is held back for longer than a blink.
 */
import { writeSync } from "node:fs";

export interface LineWriter {
  /** @param line with its line feed */
  write(line: string): void;
  /** Writes what is held back; to be called before the process ends. */
  flush(): void;
}

/** Lines are gathered for so long at most. */
const GATHER_MS = 20;
/** So many lines in that time go out one by one. */
const AT_ONCE = 20;
/** A reader that is stuck may cost so much memory; then lines are lost, and their number is told. */
const MOST_HELD = 100_000;

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/** Writes as writeSync() does. @returns how many bytes were written */
export type WriteBytes = (fd: number, bytes: Uint8Array) => number;

export function createLineWriter(fd: number, write: WriteBytes = writeSync): LineWriter {
  let held: string[] = [];
  /** Of a batch that a pipe took only in part. */
  let rest: Uint8Array | undefined;
  let lost = 0;
  let recent = 0;
  let timer: NodeJS.Timeout | undefined;

  /** Whether all of it went out; what did not is the rest. */
  function send(bytes: Uint8Array): boolean {
    let at = 0;
    try {
      while (at < bytes.length) at += write(fd, bytes.subarray(at));
      rest = undefined;
    } catch (error) {
      // Nobody reads any more, or the disk is full: there is nowhere left to say so.
      rest = isBusy(error) ? bytes.subarray(at) : undefined;
    }
    return rest === undefined;
  }

  function flush(): void {
    if (rest !== undefined && !send(rest)) return;
    if (held.length === 0) return;
    const note = lost > 0 ? `… ${lost} lines are missing here: nobody took them\n` : "";
    const text = held.join("") + note;
    held = [];
    lost = 0;
    send(Buffer.from(text));
  }

  function look(): void {
    flush();
    if (recent <= AT_ONCE && held.length === 0 && rest === undefined) {
      clearInterval(timer);
      timer = undefined;
    }
    recent = 0;
  }

  return {
    write(line) {
      recent++;
      if (timer === undefined) {
        timer = setInterval(look, GATHER_MS);
        timer.unref();
      }
      if (held.length >= MOST_HELD) lost++;
      else held.push(line);
      if (recent <= AT_ONCE) flush();
    },
    flush,
  };
}
