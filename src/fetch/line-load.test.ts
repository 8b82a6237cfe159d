import { expect, test } from "bun:test";
import { createFakeClock, type FakeClock } from "../testing/fake-clock.ts";
import { createLineLoad, type LineLoad } from "./line-load.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const STEP_MS = 10;

interface Demand {
  readonly awaited: boolean;
  /** What its source sends in a second at most. */
  readonly most?: number;
}

/** Sends through a line that divides what it carries evenly among those who read. @returns the bytes that each has had */
async function run(load: LineLoad, clock: FakeClock, ms: number, lineRate: number, demands: readonly Demand[]) {
  const users = demands.map(({ awaited, most = Number.POSITIVE_INFINITY }) => {
    return { awaited, most, bytes: 0, user: load.enter(() => awaited) };
  });
  for (let at = 0; at < ms; at += STEP_MS) {
    const reading = users.filter(({ awaited }) => awaited || load.mayReadAhead(0));
    for (const one of reading) {
      const bytes = (Math.min(one.most, lineRate / reading.length) * STEP_MS) / 1000;
      one.bytes += bytes;
      one.user.received(bytes);
    }
    await clock.advance(STEP_MS);
  }
  for (const { user } of users) user.leave();
  return users.map(({ bytes }) => bytes);
}

test("what is fetched ahead takes less than a tenth of the line from a file that a client waits for", async () => {
  const clock = createFakeClock();
  const load = createLineLoad(clock);
  const [awaited = 0, ...ahead] = await run(load, clock, 8_000, 2 * MIB, [
    { awaited: true },
    { awaited: false },
    { awaited: false },
  ]);
  expect(awaited).toBeGreaterThan((8 * 2 * MIB) / 1.1);
  expect(ahead.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(0.04 * awaited);
});

test("it takes no more after a time without downloads, or beside others ahead", async () => {
  const clock = createFakeClock();
  const load = createLineLoad(clock);
  await run(load, clock, 3_000, 2 * MIB, [{ awaited: true }]);
  await clock.advance(60_000);
  await run(load, clock, 3_000, 2 * MIB, [{ awaited: false }, { awaited: false }]);
  const [awaited = 0] = await run(load, clock, 8_000, 2 * MIB, [{ awaited: true }, { awaited: false }]);
  expect(awaited).toBeGreaterThan((8 * 2 * MIB) / 1.1);
});

test("a file from a slow source leaves a line that carries more to what is fetched ahead", async () => {
  const clock = createFakeClock();
  const load = createLineLoad(clock);
  await run(load, clock, 2_000, 10 * MIB, [{ awaited: true }]);
  const [, ahead = 0] = await run(load, clock, 10_000, 10 * MIB, [
    { awaited: true, most: 100 * KIB },
    { awaited: false, most: 2 * MIB },
  ]);
  expect(ahead).toBeGreaterThan(10 * MIB);
});

test("files that come within moments, and a source that is silent, hold nothing up", async () => {
  const clock = createFakeClock();
  const load = createLineLoad(clock);
  const awaited = load.enter(() => true);
  expect(load.mayReadAhead(0)).toBe(true);
  awaited.received(50 * KIB);
  await clock.advance(150);
  expect(load.mayReadAhead(0)).toBe(true);
  load.enter(() => false).received(MIB);
  await clock.advance(100);
  expect(load.mayReadAhead(0)).toBe(false);
  await clock.advance(2_000);
  expect(load.mayReadAhead(0)).toBe(true);
  awaited.received(50 * KIB);
  expect(load.mayReadAhead(0)).toBe(true);
});

test("a large file is not begun while a client waits for another one over a full line", async () => {
  const clock = createFakeClock();
  const load = createLineLoad(clock);
  const awaited = load.enter(() => true);
  expect([load.mayReadAhead(MIB), load.mayReadAhead(2 * MIB)]).toEqual([true, false]);
  awaited.received(MIB);
  expect([load.mayReadAhead(MIB), load.mayReadAhead(2 * MIB)]).toEqual([true, false]);
  awaited.leave();
  expect(load.mayReadAhead(2 * MIB)).toBe(true);
});
