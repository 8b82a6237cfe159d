import { expect, test } from "bun:test";
import { createStallWatchdog } from "./stall-watchdog.ts";

/** Runs a watchdog of 80 ms, which wants 82 bytes in that time, and feeds it every 5 ms. */
async function stalls(bytes: number, waiting: boolean): Promise<number> {
  let count = 0;
  const watchdog = createStallWatchdog(80, () => count++);
  watchdog.setWaiting(waiting);
  for (let i = 0; i < 50; i++) {
    watchdog.received(bytes);
    await Bun.sleep(5);
  }
  watchdog.stop();
  return count;
}

test.concurrent("a transfer without a byte, or with a trickle, stalls once", async () => {
  expect([await stalls(0, true), await stalls(1, true)]).toEqual([1, 1]);
});

test.concurrent("a transfer that goes on does not stall", async () => {
  expect(await stalls(1000, true)).toBe(0);
});

test.concurrent("time in which no reader waits does not count", async () => {
  expect(await stalls(0, false)).toBe(0);
});
