/**
 * Decides how much files that are fetched ahead may take of the line while clients wait for others: a twentieth of what those get,
 * unless the line has been seen to carry much more than it does now. Files that come within moments do not count, so that small ones
 * are fetched side by side.
 */
import type { Clock } from "../lib/clock.ts";

/** One download, as far as the line is concerned. */
export interface LineUser {
  /** Counts bytes that came. */
  received(bytes: number): void;
  leave(): void;
}

export interface LineLoad {
  /** Counts one more download. @param isAwaited whether a client waits for its file */
  enter(isAwaited: () => boolean): LineUser;
  /**
   * Returns whether a file that is fetched ahead may have its next piece now.
   * @param newBytes size of a file that no source has been asked for yet, else 0: what is asked for comes as far as the buffers of
   * a connection hold it, wanted or not, so that a large file is better not begun
   */
  mayReadAhead(newBytes: number): boolean;
}

/** A file that is still coming this long after its first byte takes its time; the others are small. */
const LONG_MS = 200;
/** Files up to here are small. */
const SMALL_BYTES = 1024 * 1024;
/** A file whose source sends nothing for this long does not use the line. */
const SILENT_MS = 2_000;
/** What is fetched ahead may be this much of what files that clients wait for get: with them, less than a tenth of the line. */
const AHEAD_SHARE = 1 / 20;
/** No more is saved up. */
const SAVED_UP_BYTES = 64 * 1024;
const WINDOW_MS = 1_000;
/** A line that carries less than this share of what it has carried has room. */
const FULL = 0.7;
/** What the line has carried counts for so long. */
const REMEMBERED_MS = 10 * 60_000;

interface User {
  readonly isAwaited: () => boolean;
  firstAt: number | undefined;
  lastAt: number;
}

/** Measures what the line carries, and the most that it has carried. */
function createGauge(clock: Clock) {
  let since = clock.now();
  let bytes = 0;
  /** The last full window; of one without bytes in most of it nothing is known. */
  let last = { since, rate: Number.POSITIVE_INFINITY };
  let most = { rate: 0, at: 0 };

  function turnOver(): void {
    const now = clock.now();
    const ms = now - since;
    if (ms >= 0 && ms < WINDOW_MS) return;
    const rate = ms > 0 ? (1000 * bytes) / ms : 0;
    last = { since, rate: ms >= 0 && ms < 2 * WINDOW_MS ? rate : Number.POSITIVE_INFINITY };
    if (rate > most.rate || Math.abs(now - most.at) > REMEMBERED_MS) most = { rate, at: now };
    since = now;
    bytes = 0;
  }

  return {
    received(count: number): void {
      turnOver();
      bytes += count;
    },
    /** Returns whether the line was known to have room for all of the last window, which began at that time or later. */
    hasRoom(after: number): boolean {
      turnOver();
      return last.since >= after && last.rate < FULL * most.rate;
    },
  };
}

export function createLineLoad(clock: Clock): LineLoad {
  const users = new Set<User>();
  const gauge = createGauge(clock);
  /** Bytes that may be fetched ahead now; what was fetched too much where negative. */
  let credit = 0;

  const usesLine = ({ isAwaited, lastAt }: User) => clock.now() - lastAt < SILENT_MS && isAwaited();
  const takesLong = ({ firstAt = Number.POSITIVE_INFINITY }: User) => clock.now() - firstAt >= LONG_MS;

  /** Returns whether the line has had room since all of these began. */
  function hasRoom(inNeed: readonly User[]): boolean {
    return gauge.hasRoom(Math.max(...inNeed.map(({ firstAt = Number.POSITIVE_INFINITY }) => firstAt)));
  }

  return {
    enter(isAwaited) {
      const user: User = { isAwaited, firstAt: undefined, lastAt: clock.now() };
      users.add(user);
      return {
        received(bytes) {
          const now = clock.now();
          user.firstAt ??= now;
          user.lastAt = now;
          gauge.received(bytes);
          credit = isAwaited() ? Math.min(SAVED_UP_BYTES, credit + AHEAD_SHARE * bytes) : credit - bytes;
        },
        leave: () => users.delete(user),
      };
    },
    mayReadAhead(newBytes) {
      const waiting = [...users].filter(usesLine);
      if (newBytes > SMALL_BYTES && waiting.length > 0) return hasRoom(waiting);
      const inNeed = waiting.filter(takesLong);
      if (inNeed.length > 0) return credit > 0 || hasRoom(inNeed);
      // What was fetched while nobody was in need is not held against those who come.
      credit = 0;
      return true;
    },
  };
}
