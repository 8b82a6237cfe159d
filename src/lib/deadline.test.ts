import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { within } from "./deadline.ts";

test("a promise that settles in time gives its value or failure, and the timer ends", async () => {
  const clock = createFakeClock();
  expect(await within(clock, 1000, Promise.resolve(7))).toBe(7);
  const failure = await within(clock, 1000, Promise.reject(new Error("no"))).catch((error: Error) => error.message);
  expect(failure).toBe("no");
  expect(clock.sleeping).toBe(0);
});

test("a promise that does not settle in time is late", async () => {
  const clock = createFakeClock();
  const outcome = within(clock, 1000, new Promise(() => undefined));
  await clock.advance(999);
  expect(clock.sleeping).toBe(1);
  await clock.advance(1);
  expect(await outcome).toBe("late");
});
