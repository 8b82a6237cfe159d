import { expect, test } from "bun:test";
import fc from "fast-check";
import { createByteRanges } from "./byte-ranges.ts";

test("runs grow together, and what is missing between them is told in order", () => {
  const coverage = createByteRanges(10);
  expect([coverage.front, coverage.sparse, coverage.until(3), coverage.until(10)]).toEqual([10, false, 10, 10]);
  coverage.add(20, 30);
  coverage.add(40, 50);
  expect([coverage.front, coverage.sparse, coverage.until(25)]).toEqual([10, true, 30]);
  expect(coverage.gaps(0, 60)).toEqual([
    { start: 10, end: 20 },
    { start: 30, end: 40 },
    { start: 50, end: 60 },
  ]);
  coverage.add(10, 20);
  expect([coverage.front, coverage.until(0)]).toEqual([30, 30]);
  coverage.add(30, 40);
  expect([coverage.front, coverage.sparse]).toEqual([50, false]);
  coverage.clear();
  expect([coverage.front, coverage.sparse, coverage.gaps(0, 5)]).toEqual([0, false, [{ start: 0, end: 5 }]]);
});

test("it says of each byte what a plain set of bytes says", () => {
  const span = fc.tuple(fc.nat(60), fc.nat(12));
  fc.assert(
    fc.property(fc.nat(20), fc.array(span, { maxLength: 12 }), (length, spans) => {
      const coverage = createByteRanges(length);
      const bytes = new Set(Array.from({ length }, (_, i) => i));
      for (const [start, size] of spans) {
        coverage.add(start, start + size);
        for (let at = start; at < start + size; at++) bytes.add(at);
      }
      let front = 0;
      while (bytes.has(front)) front++;
      expect(coverage.front).toBe(front);
      expect(coverage.sparse).toBe(bytes.size > front);
      const missing = new Set(
        coverage.gaps(0, 80).flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)),
      );
      for (let at = 0; at < 80; at++) {
        expect(missing.has(at)).toBe(!bytes.has(at));
        let end = at;
        while (bytes.has(end)) end++;
        expect(coverage.until(at)).toBe(end);
      }
    }),
  );
});
