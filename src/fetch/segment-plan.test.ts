import { expect, test } from "bun:test";
import fc from "fast-check";
import { createByteRanges } from "./byte-ranges.ts";
import { createSegmentPlan, type Segment, segmentBytes, splitAt } from "./segment-plan.ts";

const MIB = 1024 * 1024;

test("whoever is free gets the first bytes that are neither there nor asked for", () => {
  const coverage = createByteRanges(10);
  coverage.add(30, 40);
  const pieces = createSegmentPlan(coverage.gaps, 100);
  expect(pieces.next(15)).toMatchObject({ start: 10, end: 25 });
  expect(pieces.next(15)).toMatchObject({ start: 25, end: 30 });
  const third = pieces.next(50);
  expect(third).toMatchObject({ start: 40, end: 90 });
  expect(pieces.next(50)).toMatchObject({ start: 90, end: 100 });
  expect(pieces.next(50)).toBeUndefined();
  if (third) {
    coverage.add(40, 60);
    pieces.release(third);
  }
  expect(pieces.next(50)).toMatchObject({ start: 60, end: 90 });
});

test("whatever fails in between, every byte is asked for, and none by two at a time", () => {
  const step = fc.record({ most: fc.integer({ min: 1, max: 30 }), brings: fc.double({ min: 0, max: 1, noNaN: true }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
      const total = 100;
      const coverage = createByteRanges(0);
      const pieces = createSegmentPlan(coverage.gaps, total);
      const held: { claim: Segment; brings: number }[] = [];
      for (let round = 0; round < 400 && coverage.front < total; round++) {
        const { most, brings } = steps[round % steps.length] ?? { most: 1, brings: 1 };
        const claim = pieces.next(most);
        if (claim) {
          for (const { claim: other } of held) expect(claim.start >= other.end || claim.end <= other.start).toBe(true);
          held.push({ claim, brings: Math.max(brings, 0.1) });
        }
        if (held.length < 4 && claim) continue;
        const done = held.shift();
        if (!done) continue;
        coverage.add(done.claim.start, done.claim.start + Math.ceil((done.claim.end - done.claim.start) * done.brings));
        pieces.release(done.claim);
      }
      expect(coverage.front).toBe(total);
    }),
  );
});

test("near the end the rest is shared so that both are done at the same time; a silent one loses all", () => {
  const claim = { position: 0, end: 2 * MIB };
  expect(splitAt(claim, MIB, MIB, 0, true)).toBe(MIB);
  expect(splitAt(claim, MIB, 3 * MIB, 0, true)).toBe(MIB / 2);
  expect(splitAt(claim, 0, MIB, 100, true)).toBe(0);
  // What takes hardly longer alone is left alone.
  expect(splitAt({ position: 0, end: MIB / 8 }, MIB, MIB, 100, true)).toBeUndefined();
  expect(splitAt({ position: 5, end: 5 }, 0, MIB, 100, true)).toBeUndefined();
});

test("of a long claim only what comes next is kept, unless it can't be asked for another piece", () => {
  const claim = { position: 0, end: 100 * MIB };
  expect(splitAt(claim, MIB, MIB, 0, true)).toBe(1.5 * MIB);
  expect(splitAt(claim, MIB, MIB, 0, false)).toBe(50 * MIB);
});

test("pieces take a source about one and a half seconds, within bounds", () => {
  expect(segmentBytes(undefined)).toBe(2 * MIB);
  expect(segmentBytes(10 * MIB)).toBe(15 * MIB);
  expect(segmentBytes(1000)).toBe(MIB / 2);
  expect(segmentBytes(1e10)).toBe(32 * MIB);
});
