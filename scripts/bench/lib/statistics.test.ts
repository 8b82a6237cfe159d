import { expect, test } from "bun:test";
import { median, ratioOf } from "./statistics.ts";

test("the median is the middle value, or the mean of the two middle ones", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("a ratio is that of the medians, and its bounds are the ratios of single rounds", () => {
  expect(ratioOf([2, 4, 9], [1, 4, 3])).toEqual({ median: 4 / 3, min: 1, max: 3 });
});
