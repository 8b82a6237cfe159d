import { expect, test } from "bun:test";
import fc from "fast-check";
import { createByteRanges } from "./byte-ranges.ts";
import { createSegmentPlan, type Segment, segmentBytes, splitAt } from "./segment-plan.ts";

const MIB = 1024 * 1024;

test("the next segment has the first bytes that are neither here nor claimed", () => {
  const ranges = createByteRanges(10);
  ranges.add(30, 40);
  const plan = createSegmentPlan(ranges.gaps, 100);
  expect(plan.next(15)).toMatchObject({ start: 10, end: 25 });
  expect(plan.next(15)).toMatchObject({ start: 25, end: 30 });
  const third = plan.next(50);
  expect(third).toMatchObject({ start: 40, end: 90 });
  expect(plan.next(50)).toMatchObject({ start: 90, end: 100 });
  expect(plan.next(50)).toBeUndefined();
  if (third) {
    ranges.add(40, 60);
    plan.release(third);
  }
  expect(plan.next(50)).toMatchObject({ start: 60, end: 90 });
});

test("however sources fail, every byte is fetched, and no segments overlap", () => {
  const step = fc.record({ most: fc.integer({ min: 1, max: 30 }), share: fc.double({ min: 0, max: 1, noNaN: true }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
      const total = 100;
      const ranges = createByteRanges(0);
      const plan = createSegmentPlan(ranges.gaps, total);
      const held: { segment: Segment; share: number }[] = [];
      for (let round = 0; round < 400 && ranges.front < total; round++) {
        const { most, share } = steps[round % steps.length] ?? { most: 1, share: 1 };
        const segment = plan.next(most);
        if (segment) {
          for (const { segment: other } of held)
            expect(segment.start >= other.end || segment.end <= other.start).toBe(true);
          held.push({ segment, share: Math.max(share, 0.1) });
        }
        if (held.length < 4 && segment) continue;
        const done = held.shift();
        if (!done) continue;
        ranges.add(
          done.segment.start,
          done.segment.start + Math.ceil((done.segment.end - done.segment.start) * done.share),
        );
        plan.release(done.segment);
      }
      expect(ranges.front).toBe(total);
    }),
  );
});

test("near the end the rest is split so that both sources finish together; a silent source loses all", () => {
  const segment = { position: 0, end: 2 * MIB };
  expect(splitAt(segment, MIB, MIB, 0, true)).toBe(MIB);
  expect(splitAt(segment, MIB, 3 * MIB, 0, true)).toBe(MIB / 2);
  expect(splitAt(segment, 0, MIB, 100, true)).toBe(0);
  // A split that gains little is not made.
  expect(splitAt({ position: 0, end: MIB / 8 }, MIB, MIB, 100, true)).toBeUndefined();
  expect(splitAt({ position: 5, end: 5 }, 0, MIB, 100, true)).toBeUndefined();
});

test("a source keeps only the next bytes of a long segment, unless it accepts no ranges", () => {
  const segment = { position: 0, end: 100 * MIB };
  expect(splitAt(segment, MIB, MIB, 0, true)).toBe(1.5 * MIB);
  expect(splitAt(segment, MIB, MIB, 0, false)).toBe(50 * MIB);
});

test("a segment takes its source about one and a half seconds, within bounds", () => {
  expect(segmentBytes(undefined)).toBe(2 * MIB);
  expect(segmentBytes(10 * MIB)).toBe(15 * MIB);
  expect(segmentBytes(1000)).toBe(MIB / 2);
  expect(segmentBytes(1e10)).toBe(32 * MIB);
});
