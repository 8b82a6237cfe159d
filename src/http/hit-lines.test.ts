import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createHitLines } from "./hit-lines.ts";

test("a thousand hits in a second have lines, the others are told together, and the next second has lines again", async () => {
  const clock = createFakeClock();
  const sums: (readonly [number, number])[] = [];
  const lines = createHitLines(clock, (hits, bytes) => sums.push([hits, bytes]));
  const taken = (now: number, times: number) =>
    Array.from({ length: times }, () => lines.take(now, 10)).filter((line) => line).length;
  expect(taken(5000, 1000)).toBe(1000);
  expect(sums).toEqual([]);
  expect(taken(5999, 30)).toBe(0);
  await clock.advance(1000);
  expect(sums).toEqual([[30, 300]]);
  expect(taken(6000, 1001)).toBe(1000);
  await clock.advance(1000);
  expect(sums).toEqual([
    [30, 300],
    [1, 10],
  ]);
});
