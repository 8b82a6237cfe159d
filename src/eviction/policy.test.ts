import { expect, test } from "bun:test";
import fc from "fast-check";
import type { DistfileName } from "../distfile/name.ts";
import { createSelection, type Entry, excess, expiry, type Limits, surplus, worthOf } from "./policy.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = 1000 * DAY;
const HALF = 30 * DAY;
const limits: Limits = { maxSize: 1000, minFree: 100, maxAgeMs: 180 * DAY, orphanGraceMs: 30 * DAY };
const MIB = 1024 * 1024;

function entry(more: Partial<Entry>): Entry {
  return { name: "f" as DistfileName, size: MIB, usedAt: NOW, useScore: 1, orphanedAt: null, refetchCost: 1, ...more };
}

test("expired files go first: orphans past their grace period, then files past their age", () => {
  const table: readonly (readonly [Partial<Entry>, string | undefined])[] = [
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
  const worth = (more: Partial<Entry>) => worthOf(entry(more), NOW, HALF);
  expect(worth({ usedAt: NOW - DAY })).toBeLessThan(worth({}));
  expect(worth({ useScore: 1 })).toBeLessThan(worth({ useScore: 2 }));
  expect(worth({ size: 100 * MIB })).toBeLessThan(worth({ size: 10 * 1024 }));
  expect(worth({ orphanedAt: NOW - DAY })).toBeLessThan(worth({}));
  expect(worth({ refetchCost: 8 })).toBeGreaterThan(worth({ refetchCost: 1 }));
  // Two uses a half-life ago are worth one of today.
  expect(worth({ useScore: 2, usedAt: NOW - HALF })).toBeCloseTo(worth({}));
});

test("clean-up begins over a limit and goes down to the low-water mark", () => {
  const table: readonly (readonly [number, number, number, number])[] = [
    [1000, 100, 0, 100],
    [1001, 100, 1, 101],
    [900, 110, 0, 0],
    [500, 99, 1, 11],
    [2000, 0, 1000, 1100],
  ];
  for (const [usedBytes, freeBytes, over, down] of table) {
    const usage = { usedBytes, freeBytes };
    expect([usage, excess(usage, limits), surplus(usage, limits)]).toEqual([usage, over, down]);
  }
  expect(surplus({ usedBytes: 5000, freeBytes: 500 }, { ...limits, maxSize: 0 })).toBe(0);
});

test("a selection is the least valuable files, in order, and one less would not do", () => {
  const file = fc.record({ size: fc.integer({ min: 0, max: 50 }), worth: fc.double({ noNaN: true, min: 0, max: 1 }) });
  fc.assert(
    fc.property(fc.array(file, { maxLength: 60 }), fc.integer({ min: 0, max: 800 }), (files, bytes) => {
      const selection = createSelection(bytes);
      for (const [i, { size, worth }] of files.entries()) {
        selection.add({ name: String(i) as DistfileName, size, reason: "space" }, worth);
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
