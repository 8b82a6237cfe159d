/**
 * Bytes of a file coming in that no disk takes: the newest ones, in memory, as long as somebody who reads the file has still
 * to get them. So a file reaches its clients however full the disk is; the memory that costs is bounded, and all read at the
 * speed of the slowest of them.
 */
import { UnavailableError } from "../distfile/errors.ts";

/** What is known of those who read. */
export interface Audience {
  /** Where the one who is furthest behind is; undefined where nobody reads. */
  readonly lowest: number | undefined;
  /** Resolves when somebody has read on, has come or has gone. */
  moved(): Promise<void>;
  /** Breaks off those who are furthest behind, where others are further on. */
  breakOffSlowest(): void;
}

export interface Overflow {
  /** Bytes from here on are not on disk. */
  readonly start: number;
  /** Whether all of the file up to now can be read by who comes now. */
  readonly whole: boolean;
  /** Takes the next bytes once there is room for them. @throws {UnavailableError} where nobody reads any more */
  push(bytes: Uint8Array): Promise<void>;
  /** Bytes from there on, no more than so many; none where they are gone. */
  read(position: number, length: number): Uint8Array;
}

/** Small files are held whole until they are checked (hold.ts): these have to fit. */
const CAPACITY_BYTES = 5 * 1024 * 1024;
/** Who takes nothing for so long, while others wait for it, is broken off: they would give up at 60 s. */
const PATIENCE_MS = 30_000;

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** @param onHeldUp called when there is no room for the next bytes until somebody reads on */
export function createOverflow(
  start: number,
  audience: Audience,
  onHeldUp: () => void,
  patienceMs = PATIENCE_MS,
): Overflow {
  const pieces: Piece[] = [];
  let end = start;
  /** First byte that is still here. */
  let oldest = start;

  function dropRead(): void {
    const lowest = audience.lowest ?? end;
    for (let first = pieces[0]; first && first.at + first.bytes.length <= lowest; first = pieces[0]) {
      pieces.shift();
      oldest = first.at + first.bytes.length;
    }
  }

  const held = () => (pieces.length === 0 ? 0 : end - oldest);

  /** Resolves with whether somebody furthest behind has read on, or gone, in that time. */
  async function moves(before: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), patienceMs);
    try {
      while (audience.lowest === before) {
        if ((await Promise.race([audience.moved(), late])) === "late") return false;
      }
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  async function roomFor(bytes: number): Promise<void> {
    for (let lowest = audience.lowest; lowest !== undefined; lowest = audience.lowest) {
      dropRead();
      if (held() === 0 || held() + bytes <= CAPACITY_BYTES) return;
      onHeldUp();
      if (!(await moves(lowest))) audience.breakOffSlowest();
    }
    pieces.length = 0;
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
      await roomFor(bytes.length);
      pieces.push({ at: end, bytes: Uint8Array.from(bytes) });
      end += bytes.length;
    },
    read(position, length) {
      const piece = pieces.find(({ at, bytes }) => position >= at && position < at + bytes.length);
      if (!piece) return new Uint8Array(0);
      return piece.bytes.subarray(position - piece.at, position - piece.at + length);
    },
  };
}
