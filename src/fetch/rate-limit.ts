/**
 * Shares the line among downloads: limits how many bytes all together receive in a second, and has files that are fetched ahead wait
 * while a full line is needed for others (line-load.ts). Downloads take turns, a piece each: a file that clients wait for goes before
 * one that is fetched ahead, and among those the one that has had least, not counting its first bytes, so that a small file passes
 * large ones. A piece is charged before it comes, and settled once its size is known.
 */
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { createLineLoad } from "./line-load.ts";

/** One download's share of the rate. */
export interface RateShare {
  /**
   * Resolves when its next piece may be read; undefined where that is now. Rejects with the signal's reason.
   * @param leftBytes how many bytes can come at most, where that is known
   */
  turn(stop: AbortSignal, leftBytes?: number): Promise<void> | undefined;
  /** Counts a piece that came. */
  received(bytes: number): void;
  /** Milliseconds that it has waited for turns so far. */
  readonly waitedMs: number;
  /** Ends the share. */
  leave(): void;
}

export interface RateLimit {
  /** Opens the share of one more download. @param isAwaited whether a client waits for its file, asked at each turn */
  enter(isAwaited: () => boolean): RateShare;
}

/** What the first turn of a download is charged until its piece has come, which may be all of a small file. */
const FIRST_PIECE_BYTES = 64 * 1024;
/** What the second turn is charged after a full first piece, as more lies ready. Later ones are charged as much as came last. */
const LATER_PIECE_BYTES = 256 * 1024;
/** Of the time in which nothing could be read, as the timer was late, this much is made up for. */
const BURST_MS = 200;
/** These bytes of a file count nothing against its turns. */
const HEAD_START_BYTES = 256 * 1024;
/** One of so many turns goes to the large file that has waited longest, however many small ones come. */
const LONG_WAITER_EVERY = 4;
/** A source closes a connection from which nothing is taken for a minute: so often each gets a turn, needed for others or not. */
const LONGEST_PAUSE_MS = 30_000;
/** How soon waiting downloads notice a new rate, or that the line is free again. */
const LOOK_EVERY_MS = 200;

interface Share {
  readonly isAwaited: () => boolean;
  /** Bytes that it has had beyond its head start, on top of the fair share when it came or began to read again. */
  served: number;
  headStart: number;
  /** What its next turn is charged. */
  nextCharge: number;
  /** Charges of pieces that have not come. */
  readonly charged: number[];
}

interface Turn {
  readonly share: Share;
  readonly leftBytes: number;
  readonly since: number;
  /** All of its bytes where nothing of it has come. */
  readonly newBytes: number;
  readonly begin: () => void;
}

/** @param bytesPerSecond returns the limit that holds now; undefined for none */
export function createRateLimit(bytesPerSecond: () => number | undefined, clock: Clock): RateLimit {
  const waiting = new Set<Turn>();
  const line = createLineLoad(clock);
  /** Bytes that may be read now; what was read too much where negative. */
  let balance = 0;
  let countedAt = clock.now();
  /** What the last one that got a turn had had. */
  let lastServed = 0;
  let turns = 0;
  let sleeping = false;

  function earn(rate: number): void {
    const now = clock.now();
    balance = Math.min((rate * BURST_MS) / 1000, balance + (rate * Math.max(0, now - countedAt)) / 1000);
    countedAt = now;
  }

  function next(): Turn | undefined {
    const isLongWaitersTurn = turns % LONG_WAITER_EVERY === 0;
    let first: Turn | undefined;
    // In the order in which they began to wait.
    for (const turn of waiting) {
      if (!mayGo(turn)) continue;
      if (!first || goesBefore(turn.share, first.share, isLongWaitersTurn)) first = turn;
    }
    return first;
  }

  function mayGo({ share, since, newBytes }: Turn): boolean {
    if (share.isAwaited() || line.mayReadAhead(newBytes)) return true;
    return newBytes === 0 && clock.now() - since >= LONGEST_PAUSE_MS;
  }

  async function wake(rate: number | undefined): Promise<void> {
    sleeping = true;
    const owedMs = rate === undefined || balance >= 0 ? LOOK_EVERY_MS : Math.ceil((-1000 * balance) / rate);
    await clock.sleep(Math.min(LOOK_EVERY_MS, Math.max(1, owedMs)));
    sleeping = false;
    grant();
  }

  function grant(): void {
    const rate = bytesPerSecond();
    if (rate !== undefined) earn(rate);
    for (let turn = next(); turn && (rate === undefined || balance >= 0); turn = next()) {
      waiting.delete(turn);
      turns++;
      lastServed = turn.share.served;
      const { share, leftBytes } = turn;
      const bytes = Math.min(share.nextCharge, leftBytes);
      balance -= bytes;
      share.charged.push(bytes);
      turn.begin();
    }
    if (waiting.size > 0 && !sleeping) void wake(rate);
  }

  function serve(share: Share, bytes: number): void {
    const free = Math.min(bytes, share.headStart);
    share.headStart -= free;
    share.served += bytes - free;
  }

  /** Nothing is owed to a download for the time when it was not there, or did not read. */
  function startOfTurns(): number {
    const least = Math.min(...[...waiting].map(({ share }) => share.served));
    return (waiting.size > 0 ? least : lastServed) - 1;
  }

  return {
    enter(isAwaited) {
      const share: Share = {
        isAwaited,
        served: startOfTurns(),
        headStart: HEAD_START_BYTES,
        nextCharge: FIRST_PIECE_BYTES,
        charged: [],
      };
      const user = line.enter(isAwaited);
      let isFirst = true;
      let waitedMs = 0;

      const newBytes = (leftBytes: number) => (isFirst ? leftBytes : 0);

      async function wait(stop: AbortSignal, leftBytes: number): Promise<void> {
        const since = clock.now();
        const { promise, resolve: begin } = Promise.withResolvers<void>();
        const turn = { share, leftBytes, newBytes: newBytes(leftBytes), since, begin };
        share.served = Math.max(share.served, startOfTurns());
        waiting.add(turn);
        grant();
        try {
          await abortable(promise, stop);
        } finally {
          waiting.delete(turn);
          waitedMs += Math.max(0, clock.now() - since);
        }
      }

      return {
        turn: (stop, leftBytes = Number.POSITIVE_INFINITY) =>
          leftBytes <= 0 || (bytesPerSecond() === undefined && (isAwaited() || line.mayReadAhead(newBytes(leftBytes))))
            ? undefined
            : wait(stop, leftBytes),
        received(bytes) {
          user.received(bytes);
          const paid = share.charged.shift();
          if (paid !== undefined || bytesPerSecond() !== undefined) balance += (paid ?? 0) - bytes;
          serve(share, bytes);
          share.nextCharge =
            isFirst && bytes >= FIRST_PIECE_BYTES ? LATER_PIECE_BYTES : Math.max(FIRST_PIECE_BYTES, bytes);
          isFirst = false;
          if (waiting.size > 0) grant();
        },
        get waitedMs() {
          return waitedMs;
        },
        leave() {
          user.leave();
          for (const paid of share.charged.splice(0)) balance += paid;
          grant();
        },
      };
    },
  };
}

function goesBefore(share: Share, older: Share, isLongWaitersTurn: boolean): boolean {
  const [isAwaited, isOlderAwaited] = [share.isAwaited(), older.isAwaited()];
  if (isAwaited !== isOlderAwaited) return isAwaited;
  if (isLongWaitersTurn) return share.headStart <= 0 && older.headStart > 0;
  return share.served < older.served;
}
