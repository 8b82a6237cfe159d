/**
 * Provides a clock that stands still until a test moves it.
 */
import type { Clock } from "../lib/clock.ts";

export interface FakeClock extends Clock {
  /** Number of sleepers that were not woken yet. */
  readonly sleeping: number;
  /** Moves on by `ms` and wakes sleepers in the order of their times; each runs before the next is woken. */
  advance(ms: number): Promise<void>;
  /** Jumps without waking sleepers, also backwards, as when an administrator sets the clock. */
  set(now: number): void;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Rounds of the event loop before the clock moves on; enough for a few awaits of real I/O. */
const ROUNDS = 5;

async function yieldToEventLoop(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await new Promise((resolve) => setImmediate(resolve));
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
      await yieldToEventLoop();
      for (let next = nextUntil(end); next; next = nextUntil(end)) {
        sleepers.delete(next);
        now = Math.max(now, next.at);
        next.wake();
        await yieldToEventLoop();
      }
      now = end;
    },
    set(time) {
      now = time;
    },
  };
}
