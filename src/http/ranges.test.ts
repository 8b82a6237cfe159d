import { expect, test } from "bun:test";
import fc from "fast-check";
import { type SelectedRange, selectRange } from "./ranges.ts";

test("single, open and suffix ranges are clamped to the file", () => {
  const rows: [string | null, number, SelectedRange][] = [
    [null, 10, "whole"],
    ["bytes=0-", 10, { start: 0, end: 10 }],
    ["bytes=3-5", 10, { start: 3, end: 6 }],
    ["bytes=3-500", 10, { start: 3, end: 10 }],
    ["BYTES = 9 - 9 ", 10, { start: 9, end: 10 }],
    ["bytes=-3", 10, { start: 7, end: 10 }],
    ["bytes=-30", 10, { start: 0, end: 10 }],
    ["bytes=10-", 10, "unsatisfiable"],
    ["bytes=-0", 10, "unsatisfiable"],
    ["bytes=0-", 0, "unsatisfiable"],
    ["bytes=5-3", 10, "whole"],
    ["bytes=-", 10, "whole"],
    ["bytes=1-2,4-5", 10, "whole"],
    ["items=1-2", 10, "whole"],
    ["bytes=a-b", 10, "whole"],
    ["bytes=99999999999999999999-", 10, "unsatisfiable"],
  ];
  for (const [header, size, expected] of rows) expect([header, selectRange(header, size)]).toEqual([header, expected]);
});

test("a selected range lies within the file and is not empty", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat({ max: 1e6 }), (first, last, size) => {
      const range = selectRange(`bytes=${first}-${last}`, size);
      if (typeof range === "string") return;
      expect(range.start).toBe(first);
      expect(range.start).toBeLessThan(range.end);
      expect(range.end).toBeLessThanOrEqual(size);
    }),
  );
});
