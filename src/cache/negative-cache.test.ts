import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createNegativeCache } from "./negative-cache.ts";

test("an absence is remembered for its time, until a tree changes, and not at all with a time of 0", () => {
  const clock = createFakeClock();
  const absences = createNegativeCache(() => 1000, clock);
  absences.add("a", []);
  expect(absences.get("a")).toEqual([]);
  clock.set(clock.now() + 1000);
  expect(absences.get("a")).toBeUndefined();
  absences.add("a", []);
  absences.clear();
  expect(absences.get("a")).toBeUndefined();
  const never = createNegativeCache(() => 0, clock);
  never.add("a", []);
  expect(never.get("a")).toBeUndefined();
});

test("random names push out the oldest, not memory", () => {
  const absences = createNegativeCache(() => 1000, createFakeClock());
  for (let i = 0; i < 20_000; i++) absences.add(`name-${i}`, []);
  expect(absences.get("name-9999")).toBeUndefined();
  expect(absences.get("name-10000")).toEqual([]);
});
