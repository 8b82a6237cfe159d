/**
 * A clock that stands still until a test moves it.
 */
import type { Clock } from "../lib/clock.ts";

export interface FakeClock extends Clock {
  /** Sleepers not yet woken. */
  readonly sleeping: number;
  /** Moves on by `ms`, waking sleepers in the order of their times and letting each do its work before the next. */
  advance(ms: number): Promise<void>;
  /** Jumps without waking anybody, also backwards, as when an administrator sets the clock. */
  set(now: number): void;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Event loop turns that code woken gets before time goes on; enough for a few awaits of real I/O in between. */
const TURNS = 5;

async function giveWay(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** @param start milliseconds since the epoch; 2026-01-01 by default */
export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start;
  const sleepers = new Set<Sleeper>();

  function nextUntil(end: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) if (sleeper.at <= end && (!next || sleeper.at < next.at)) next = sleeper;
    return next;
  }

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const wake = () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        };
        const sleeper: Sleeper = { at: now + ms, wake };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
    get sleeping() {
      return sleepers.size;
    },
    async advance(ms) {
      const end = now + ms;
      await giveWay();
      for (let next = nextUntil(end); next; next = nextUntil(end)) {
        sleepers.delete(next);
        now = Math.max(now, next.at);
        next.wake();
        await giveWay();
      }
      now = end;
    },
    set(time) {
      now = time;
    },
  };
}
