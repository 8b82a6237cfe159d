import { expect, test } from "bun:test";
import { maxRateAt } from "./max-rate.ts";

const noon = new Date(2026, 0, 1, 12);
const night = new Date(2026, 0, 1, 23, 30);
const max_rate_hours = { start: 8 * 60, end: 23 * 60 };

test("the limit holds always, or at its hours", () => {
  expect([noon, night].map((at) => maxRateAt({ max_rate: 5, max_rate_hours: undefined }, at))).toEqual([5, 5]);
  expect([noon, night].map((at) => maxRateAt({ max_rate: 5, max_rate_hours }, at))).toEqual([5, undefined]);
  expect([noon, night].map((at) => maxRateAt({ max_rate: 0, max_rate_hours }, at))).toEqual([undefined, undefined]);
});
