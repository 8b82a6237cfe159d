import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createNegativeCache } from "./negative-cache.ts";

test("an absence is remembered for its time, until a repository changes, and not at all with a time of 0", () => {
  const clock = createFakeClock();
  const cache = createNegativeCache(() => 1000, clock);
  cache.add("a", []);
  expect(cache.get("a")).toEqual([]);
  clock.set(clock.now() + 1000);
  expect(cache.get("a")).toBeUndefined();
  cache.add("a", []);
  cache.clear();
  expect(cache.get("a")).toBeUndefined();
  const never = createNegativeCache(() => 0, clock);
  never.add("a", []);
  expect(never.get("a")).toBeUndefined();
});

test("random names push out the oldest, not memory", () => {
  const cache = createNegativeCache(() => 1000, createFakeClock());
  for (let i = 0; i < 20_000; i++) cache.add(`name-${i}`, []);
  expect(cache.get("name-9999")).toBeUndefined();
  expect(cache.get("name-10000")).toEqual([]);
});

test("names with many sources push out the oldest sooner", () => {
  const cache = createNegativeCache(() => 1000, createFakeClock());
  const attempts = Array.from(
    { length: 100 },
    () => ({ source: "https://a.test", kind: "absent", detail: "" }) as const,
  );
  for (let i = 0; i < 1_000; i++) cache.add(`name-${i}`, attempts);
  expect([cache.get("name-499"), cache.get("name-500")?.length]).toEqual([undefined, 100]);
});
