import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createClientCounts } from "./clients.ts";
import { createFailureRows } from "./failures.ts";
import { type Index, openIndex } from "./open.ts";
import { clients, failures, statistics } from "./schema.ts";
import { createStatistics } from "./statistics.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Noon. */
const NOON = Date.UTC(2026, 10, 27, 12);

let folder: TempFolder;
let index: Index;
const clock = createFakeClock();

beforeEach(() => {
  folder = createTempFolder();
  index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  clock.set(NOON);
});

afterEach(() => {
  index.close();
  folder.remove();
});

test("counts are in their minute, hour and day, whether written yet or not", () => {
  const before = createStatistics(index.db, clock, () => false);
  before.add("hits", 2);
  before.add("hitBytes", 100);
  clock.set(NOON + MINUTE);
  before.add("hits", 1);
  before.flush();
  const counts = createStatistics(index.db, clock, () => false);
  counts.add("misses", 5);
  expect(counts.history("minute", 3).map(({ at, hits, misses }) => [at - NOON, hits, misses])).toEqual([
    [-MINUTE, 0, 0],
    [0, 2, 0],
    [MINUTE, 1, 5],
  ]);
  expect(counts.history("hour", 1)).toMatchObject([{ at: NOON, hits: 3, misses: 5, hitBytes: 100 }]);
  expect(counts.history("day", 1)).toMatchObject([{ at: NOON - DAY / 2, hits: 3, misses: 5 }]);
  expect(counts.allTime()).toMatchObject({ hits: 3, misses: 5, hitBytes: 100 });
  expect(counts.sinceStart).toMatchObject({ hits: 0, misses: 5 });
});

test("sums agree at every resolution, however requests, writing and time are mixed", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), amount: fc.integer({ min: 0, max: 1e9 }) }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: -MINUTE, max: 2 * 60 * MINUTE }) }),
    fc.record({ kind: fc.constant("flush" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      index.db.delete(statistics).run();
      clock.set(NOON);
      const counts = createStatistics(index.db, clock, () => false);
      let sum = 0;
      for (const one of steps) {
        if (one.kind === "wait") clock.set(clock.now() + one.ms);
        else if (one.kind === "flush") counts.flush();
        else {
          counts.add("missBytes", one.amount);
          sum += one.amount;
        }
      }
      // Far enough that nothing counted lies after now.
      clock.set(Math.max(clock.now(), NOON) + 60 * MINUTE);
      const at = (resolution: "minute" | "hour" | "day", points: number) =>
        counts.history(resolution, points).reduce((all, { missBytes }) => all + missBytes, 0);
      expect([at("hour", 48), at("day", 3), counts.allTime().missBytes]).toEqual([sum, sum, sum]);
    }),
    { numRuns: 40 },
  );
});

test("old points are deleted, and the table stays small over years", () => {
  const counts = createStatistics(index.db, clock, () => false);
  for (let day = 0; day < 6 * 365; day += 5) {
    clock.set(NOON + day * DAY);
    counts.add("hits", 1);
    counts.flush();
  }
  const rows = index.db.select().from(statistics).all();
  const kinds = (resolution: string) => rows.filter((row) => row.resolution === resolution).length;
  expect([kinds("minute"), kinds("hour"), kinds("total")]).toEqual([1, 7, 1]);
  expect(kinds("day")).toBeLessThanOrEqual(366);
  expect(counts.allTime().hits).toBe(438);
});

test("points that a wrong clock put into the future are deleted", () => {
  const counts = createStatistics(index.db, clock, () => false);
  clock.set(NOON + 4000 * DAY);
  counts.add("hits", 1);
  counts.flush();
  clock.set(NOON);
  counts.add("hits", 1);
  counts.flush();
  expect(
    index.db
      .select()
      .from(statistics)
      .all()
      .every(({ at }) => at <= NOON),
  ).toBe(true);
});

test("a clock that was set deletes nothing, whether it was set to 2100 or back by a year", () => {
  let wasSet = false;
  const counts = createStatistics(index.db, clock, () => wasSet);
  counts.add("hits", 1);
  counts.flush();
  wasSet = true;
  for (const now of [Date.UTC(2100, 0), NOON - 365 * DAY, NOON]) {
    clock.set(now);
    counts.add("misses", 1);
    counts.flush();
  }
  expect(counts.history("minute", 1)).toMatchObject([{ at: NOON, hits: 1, misses: 1 }]);
  expect(counts.history("day", 366)[0]).toMatchObject({ hits: 0, misses: 1 });
});

test("counts that can't be written are kept, with those that come meanwhile", () => {
  const counts = createStatistics(index.db, clock, () => false);
  const clientCounts = createClientCounts(index.db);
  counts.add("hits", 1);
  clientCounts.count("::1", true, 10, NOON);
  index.db.run("create trigger full before insert on statistics begin select raise(abort, 'full'); end");
  index.db.run("create trigger full_too before insert on clients begin select raise(abort, 'full'); end");
  expect(() => counts.flush()).toThrow();
  expect(() => clientCounts.flush()).toThrow();
  counts.add("hits", 1);
  clientCounts.count("::1", false, 5, NOON + 1);
  index.db.run("drop trigger full");
  index.db.run("drop trigger full_too");
  counts.flush();
  clientCounts.flush();
  expect(createStatistics(index.db, clock, () => false).allTime().hits).toBe(2);
  expect(createClientCounts(index.db).top(5)).toEqual([
    { address: "::1", requests: 2, hits: 1, bytes: 15, savedBytes: 10, firstSeen: NOON, lastSeen: NOON + 1 },
  ]);
});

test("clients that come and go without end do not fill the table: those seen last stay", () => {
  const clientCounts = createClientCounts(index.db);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 900; i++) clientCounts.count(`fd00::${round}:${i}`, true, 1, NOON + round * 1000 + i);
    clientCounts.flush();
  }
  const rows = index.db.select().from(clients).all();
  expect([rows.length, rows.filter(({ address }) => address.startsWith("fd00::2:")).length]).toEqual([1000, 900]);
  clientCounts.clear();
  expect(clientCounts.top(5)).toEqual([]);
});

const SOURCES = [{ kind: "corrupt", count: 2, sources: ["http://a.test"] }] as const;
const absent = (reason = "No repository knows this file.") => ({ kind: "absent", reason, sources: [] }) as const;

test("failures of one file count as one, the latest stay, and they outlive a restart", () => {
  const before = createFailureRows(index.db, clock);
  before.add("real", { kind: "failed", reason: "A mirror was down.", sources: SOURCES });
  for (let i = 0; i < 700; i++) {
    clock.set(NOON + i);
    before.add(`random-${i}`, absent());
  }
  expect(before.of("random-500").length).toBe(1);
  clock.set(NOON + 700);
  before.add("random-300", absent());
  before.add("random-300", absent("x".repeat(10_000)));
  before.flush();
  const after = createFailureRows(index.db, clock);
  expect(after.latest(2).map(({ file, count, reason }) => [file, count, reason.length])).toEqual([
    ["random-300", 2, 2000],
    ["random-699", 1, 30],
  ]);
  expect(after.of("real")).toMatchObject([{ kind: "failed", count: 1, sources: SOURCES }]);
  expect([after.of("random-0"), after.of("random-300").length]).toEqual([[], 1]);
  expect(index.db.select().from(failures).all().length).toBe(251);
});

test("dismissed failures are gone, after a restart too, until the file fails again", () => {
  const before = createFailureRows(index.db, clock);
  for (const [i, file] of ["a", "b", "c"].entries()) {
    clock.set(NOON + i);
    before.add(file, absent());
  }
  before.flush();
  expect(before.dismiss(new Set(["a", "unknown"]))).toBe(1);
  before.flush();
  const after = createFailureRows(index.db, clock);
  expect(after.latest(9).map(({ file }) => file)).toEqual(["c", "b"]);
  after.add("a", absent());
  expect(after.of("a")).toMatchObject([{ count: 1 }]);
  expect(after.dismiss(undefined)).toBe(3);
  after.flush();
  expect(createFailureRows(index.db, clock).latest(9)).toEqual([]);
});
