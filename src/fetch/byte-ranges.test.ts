import { expect, test } from "bun:test";
import fc from "fast-check";
import { createByteRanges } from "./byte-ranges.ts";

test("ranges grow together, and gaps are listed in order", () => {
  const ranges = createByteRanges(10);
  expect([ranges.front, ranges.sparse, ranges.until(3), ranges.until(10)]).toEqual([10, false, 10, 10]);
  ranges.add(20, 30);
  ranges.add(40, 50);
  expect([ranges.front, ranges.sparse, ranges.until(25)]).toEqual([10, true, 30]);
  expect(ranges.gaps(0, 60)).toEqual([
    { start: 10, end: 20 },
    { start: 30, end: 40 },
    { start: 50, end: 60 },
  ]);
  ranges.add(10, 20);
  expect([ranges.front, ranges.until(0)]).toEqual([30, 30]);
  ranges.add(30, 40);
  expect([ranges.front, ranges.sparse]).toEqual([50, false]);
  ranges.clear();
  expect([ranges.front, ranges.sparse, ranges.gaps(0, 5)]).toEqual([0, false, [{ start: 0, end: 5 }]]);
});

test("ranges agree with a plain set of bytes", () => {
  const span = fc.tuple(fc.nat(60), fc.nat(12));
  fc.assert(
    fc.property(fc.nat(20), fc.array(span, { maxLength: 12 }), (length, spans) => {
      const ranges = createByteRanges(length);
      const bytes = new Set(Array.from({ length }, (_, i) => i));
      for (const [start, size] of spans) {
        ranges.add(start, start + size);
        for (let at = start; at < start + size; at++) bytes.add(at);
      }
      let front = 0;
      while (bytes.has(front)) front++;
      expect(ranges.front).toBe(front);
      expect(ranges.sparse).toBe(bytes.size > front);
      const missing = new Set(
        ranges.gaps(0, 80).flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)),
      );
      for (let at = 0; at < 80; at++) {
        expect(missing.has(at)).toBe(!bytes.has(at));
        let end = at;
        while (bytes.has(end)) end++;
        expect(ranges.until(at)).toBe(end);
      }
    }),
  );
});
