import { afterEach, beforeEach, expect, test } from "bun:test";
import type { DistfileName } from "../distfile/name.ts";
import { createFileTimes } from "../index/file-times.ts";
import { createFileRows, type FileRows } from "../index/files.ts";
import { type Index, openIndex } from "../index/open.ts";
import { openLog } from "../lib/log.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createClockWatch } from "./clock-watch.ts";
import { expiry } from "./policy.ts";

const DAY = 24 * 60 * 60 * 1000;
const YEAR = 365 * DAY;
const IN_2100 = Date.UTC(2100, 0, 1);
const LIMITS = {
  maxSize: 0,
  minFree: 0,
  maxAgeMs: 90 * DAY,
  orphanGraceMs: 30 * DAY,
  unverifiedShare: 1,
  maxFiles: Number.POSITIVE_INFINITY,
};
const log = await openLog("error", "text");

let index: Index;
let rows: FileRows;
let monotonic: number;
const clock = createFakeClock();
const start = clock.now();

/** Time that really passes. */
function pass(ms: number): void {
  monotonic += ms;
  clock.set(clock.now() + ms);
}

function watch() {
  return createClockWatch({ times: createFileTimes(index.db), clock, monotonicMs: () => monotonic, log });
}

/** Returns the age of a file in days, since its last use. */
function ageOf(name: string): number {
  return Math.round((clock.now() - (rows.get(name as DistfileName)?.usedAt ?? 0)) / DAY);
}

function expiredNow(): readonly string[] {
  return rows
    .page("", 10)
    .filter((row) => expiry({ ...row, verified: true, volume: 0, refetchCost: 1 }, LIMITS, clock.now()) !== undefined)
    .map(({ name }) => name);
}

beforeEach(() => {
  index = openIndex(":memory:", `${import.meta.dir}/../../drizzle`);
  rows = createFileRows(index.db);
  monotonic = 0;
  createFileTimes(index.db).saw(start);
  clock.set(start);
  const put = (name: string, usedAt: number, orphanedAt: number | null = null) =>
    rows.put({
      name: name as DistfileName,
      size: 1,
      stamp: "",
      source: "",
      storedAt: start - YEAR,
      usedAt,
      orphanedAt,
      wantedOnce: true,
      verifiedAt: usedAt,
    });
  put("used", start - 10 * DAY);
  put("orphan", start - 10 * DAY, start - 20 * DAY);
});
afterEach(() => index.close());

test("a clock that is set to 2100, or back by a year, makes no file older, and ages go on from where they were", () => {
  for (const target of [IN_2100, start - YEAR, start + 40 * DAY]) {
    const watched = watch();
    pass(5000);
    watched.flush();
    clock.set(target);
    pass(5000);
    watched.flush();
    expect([target, ageOf("used"), ageOf("orphan"), expiredNow()]).toEqual([target, 10, 10, []]);
    expect(watched.wasSetWithin(DAY)).toBe(true);
    // And back again.
    clock.set(start + 10_000);
    watched.flush();
    expect([target, ageOf("used"), expiredNow()]).toEqual([target, 10, []]);
  }
  const watched = watch();
  for (let day = 0; day < 11; day++) {
    pass(DAY);
    watched.flush();
  }
  expect(watched.wasSetWithin(DAY)).toBe(false);
  expect([ageOf("used"), expiredNow()]).toEqual([21, ["orphan"]]);
});

test("a file that is used after the clock was set has no older age", () => {
  const watched = watch();
  pass(5000);
  watched.flush();
  clock.set(start - YEAR);
  pass(1000);
  rows.touch("used" as DistfileName, clock.now());
  rows.put({ name: "new" as DistfileName, size: 1, stamp: "", source: "", storedAt: clock.now(), usedAt: clock.now() });
  watched.flush();
  rows.flush();
  expect([ageOf("new"), ageOf("used"), ageOf("orphan")]).toEqual([0, 0, 10]);
});

test("of a gap between two runs a day counts, and one back in time nothing", () => {
  const first = watch();
  first.flush();
  clock.set(IN_2100);
  watch();
  expect([ageOf("used"), expiredNow()]).toEqual([11, []]);
  clock.set(start - YEAR);
  watch();
  expect([ageOf("used"), expiredNow()]).toEqual([11, []]);
});

test("the clock looks before it tells the time, so that no clean-up goes by a clock that was just set", () => {
  const watched = watch();
  clock.set(IN_2100);
  expect(watched.clock.now()).toBe(IN_2100);
  expect([ageOf("used"), expiredNow()]).toEqual([10, []]);
});

test("a step of seconds, as by NTP, is no news", () => {
  const watched = watch();
  clock.set(start + 30_000);
  watched.flush();
  expect(watched.wasSetWithin(DAY)).toBe(false);
});
