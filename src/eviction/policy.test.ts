import { expect, test } from "bun:test";
import fc from "fast-check";
import type { DistfileName } from "../distfile/name.ts";
import {
  createSelection,
  expiry,
  type LimitState,
  type Limits,
  limitStates,
  minFreeInodes,
  relief,
  type StoredEntry,
  type Usage,
  unverifiedLimit,
  without,
  worthOf,
} from "./policy.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = 1000 * DAY;
const HALF = 30 * DAY;
const limits: Limits = {
  maxSize: 1000,
  minFree: 100,
  maxAgeMs: 180 * DAY,
  orphanGraceMs: 30 * DAY,
  unverifiedShare: 0.1,
  maxFiles: Number.POSITIVE_INFINITY,
};
const MIB = 1024 * 1024;

function entry(more: Partial<StoredEntry>): StoredEntry {
  const name = "f" as DistfileName;
  const where = { verified: true, volume: 0 };
  return { name, size: MIB, usedAt: NOW, useScore: 1, orphanedAt: null, refetchCost: 1, ...where, ...more };
}

test("expired files go first: orphans past their grace period, then files past their age", () => {
  const table: readonly (readonly [Partial<StoredEntry>, string | undefined])[] = [
    [{}, undefined],
    [{ orphanedAt: NOW - 31 * DAY }, "orphan"],
    [{ orphanedAt: NOW - 29 * DAY }, undefined],
    [{ usedAt: NOW - 181 * DAY }, "age"],
    [{ usedAt: NOW - 181 * DAY, orphanedAt: NOW - 31 * DAY }, "orphan"],
    // The clock was set back.
    [{ usedAt: NOW + DAY, orphanedAt: NOW + DAY }, undefined],
  ];
  for (const [more, reason] of table) expect([more, expiry(entry(more), limits, NOW)]).toEqual([more, reason as never]);
  expect(expiry(entry({ usedAt: 0 }), { ...limits, maxAgeMs: 0 }, NOW)).toBeUndefined();
});

test("worth less: longer unused, less used, large, wanted by none; worth more: hard to get again", () => {
  const worth = (more: Partial<StoredEntry>) => worthOf(entry(more), NOW, HALF);
  expect(worth({ usedAt: NOW - DAY })).toBeLessThan(worth({}));
  expect(worth({ useScore: 1 })).toBeLessThan(worth({ useScore: 2 }));
  expect(worth({ size: 100 * MIB })).toBeLessThan(worth({ size: 10 * 1024 }));
  expect(worth({ orphanedAt: NOW - DAY })).toBeLessThan(worth({}));
  expect(worth({ refetchCost: 8 })).toBeGreaterThan(worth({ refetchCost: 1 }));
  // Two uses a half-life ago are worth one of today.
  expect(worth({ useScore: 2, usedAt: NOW - HALF })).toBeCloseTo(worth({}));
});

function usage(usedBytes: number, freeBytes: number, more: Partial<Usage> = {}): Usage {
  const endless = Number.POSITIVE_INFINITY;
  const volumes = [{ freeBytes, freeInodes: endless, totalInodes: endless }];
  return { usedBytes, unverifiedBytes: 0, files: 1, volumes, ...more };
}

const found = (all: readonly LimitState[], kind: LimitState["kind"]) => {
  const { over, surplus } = all.find((one) => one.kind === kind) ?? { over: -1, surplus: -1 };
  return [over, surplus];
};

test("clean-up begins over a limit and goes down to the low-water mark", () => {
  const table: readonly (readonly [number, number, readonly [number, number], readonly [number, number]])[] = [
    [1000, 100, [0, 100], [0, 10]],
    [1001, 100, [1, 101], [0, 10]],
    [900, 110, [0, 0], [0, 0]],
    [500, 99, [0, 0], [1, 11]],
    [2000, 0, [1000, 1100], [100, 110]],
  ];
  for (const [used, free, size, space] of table) {
    const all = limitStates(usage(used, free), limits);
    expect([used, free, found(all, "size"), found(all, "free")]).toEqual([used, free, [...size], [...space]]);
  }
  expect(found(limitStates(usage(5000, 500), { ...limits, maxSize: 0 }), "size")).toEqual([-1, -1]);
});

test("what no Manifest vouches for has its share of max_size, or of what the disk can hold where that is less", () => {
  expect(unverifiedLimit(usage(500, 5000), limits)).toBe(100);
  expect(unverifiedLimit(usage(300, 300), limits)).toBe(50);
  expect(unverifiedLimit(usage(300, 800), { ...limits, maxSize: 0 })).toBe(100);
  expect(unverifiedLimit(usage(0, 50), limits)).toBe(0);
  expect(found(limitStates(usage(500, 5000, { unverifiedBytes: 130 }), limits), "unverified")).toEqual([30, 40]);
  const whole = limitStates(usage(500, 5000, { unverifiedBytes: 500 }), { ...limits, unverifiedShare: 1 });
  expect(found(whole, "unverified")).toEqual([-1, -1]);
});

test("inodes and files are counted like bytes, but for a file system that makes inodes as it needs them", () => {
  expect([150, 40, 1_000_000, 100_000, Number.POSITIVE_INFINITY].map(minFreeInodes)).toEqual([32, 10, 1000, 1000, 0]);
  const volumes = [{ freeBytes: 5000, freeInodes: 20, totalInodes: 150 }];
  expect(found(limitStates(usage(10, 0, { volumes }), limits), "inodes")).toEqual([12, 16]);
  expect(found(limitStates(usage(10, 5000), limits), "inodes")).toEqual([0, 0]);
  expect(found(limitStates(usage(10, 5000, { files: 100 }), { ...limits, maxFiles: 99 }), "files")).toEqual([1, 11]);
});

test("free space is measured on each file system, and only the removal of what lies there helps", () => {
  const endless = { freeInodes: Number.POSITIVE_INFINITY, totalInodes: Number.POSITIVE_INFINITY };
  const volumes = [
    { freeBytes: 5000, ...endless },
    { freeBytes: 0, ...endless },
  ];
  const short = limitStates(usage(10, 0, { volumes }), limits).filter(({ over }) => over > 0);
  expect(short.map(({ kind, volume }) => [kind, volume])).toEqual([["free", 1]]);
  expect([0, 1].map((volume) => relief(short[0]!, entry({ volume, size: 7 })))).toEqual([0, 7]);
  expect(relief({ kind: "inodes", volume: 1 }, entry({ volume: 1 }))).toBe(1);
});

test("only unverified files go for the share of unverified ones, and with all of them gone it is kept", () => {
  const file = fc.record({ size: fc.integer({ min: 1, max: 300 }), verified: fc.boolean() });
  fc.assert(
    fc.property(fc.array(file, { maxLength: 40 }), fc.integer({ min: 0, max: 5000 }), (files, freeBytes) => {
      const sum = (some: readonly { readonly size: number }[]) => some.reduce((total, { size }) => total + size, 0);
      const unverifiedBytes = sum(files.filter(({ verified }) => !verified));
      let now = usage(sum(files), freeBytes, { unverifiedBytes, files: files.length });
      const [short] = limitStates(now, limits);
      const helping = files.filter((one) => relief(short!, entry(one)) > 0);
      expect(helping.every(({ verified }) => !verified)).toBe(true);
      for (const one of helping) now = without(now, entry(one));
      expect([now.unverifiedBytes, limitStates(now, limits)[0]?.over]).toEqual([0, 0]);
      expect(now.usedBytes).toBe(sum(files.filter(({ verified }) => verified)));
    }),
  );
});

test("a selection is the least valuable files, in order, and one less would not do", () => {
  const file = fc.record({ size: fc.integer({ min: 0, max: 50 }), worth: fc.double({ noNaN: true, min: 0, max: 1 }) });
  fc.assert(
    fc.property(fc.array(file, { maxLength: 60 }), fc.integer({ min: 0, max: 800 }), (files, bytes) => {
      const selection = createSelection<{ readonly name: string }>(bytes);
      for (const [i, { size, worth }] of files.entries()) {
        selection.add({ name: String(i) }, size, worth);
      }
      const chosen = selection.result().map(({ name }) => files[Number(name)]!);
      const worths = chosen.map(({ worth }) => worth);
      expect(worths).toEqual(worths.toSorted((a, b) => a - b));
      const sum = chosen.reduce((total, { size }) => total + size, 0);
      const all = files.reduce((total, { size }) => total + size, 0);
      if (bytes === 0) expect(chosen).toEqual([]);
      else if (all <= bytes) expect(sum).toBe(all);
      else {
        expect(sum).toBeGreaterThanOrEqual(bytes);
        expect(sum - (chosen.at(-1)?.size ?? 0)).toBeLessThan(bytes);
        // Nobody who stays is worth less than one who goes.
        const staying = files.filter((_, i) => !selection.result().some(({ name }) => name === String(i)));
        for (const { worth } of staying) expect(worth).toBeGreaterThanOrEqual(worths.at(-1) ?? 0);
      }
    }),
  );
});
