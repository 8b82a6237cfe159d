import { expect, test } from "bun:test";
import { createFakeClock } from "./fake-clock.ts";

test("sleepers wake in the order of their times, each before the clock moves on", async () => {
  const clock = createFakeClock(1000);
  const log: string[] = [];
  const sleeper = async (name: string, ms: number) => {
    await clock.sleep(ms);
    log.push(`${name} ${clock.now()}`);
    await clock.sleep(10);
    log.push(`${name} again ${clock.now()}`);
  };
  const all = [sleeper("late", 25), sleeper("early", 5)];
  await clock.advance(20);
  expect(log).toEqual(["early 1005", "early again 1015"]);
  expect(clock.now()).toBe(1020);
  expect(clock.sleeping).toBe(1);
  await clock.advance(15);
  expect(log.slice(2)).toEqual(["late 1025", "late again 1035"]);
  await Promise.all(all);
  expect(clock.sleeping).toBe(0);
});

test("a sleep ends with the signal's reason", async () => {
  const clock = createFakeClock();
  const controller = new AbortController();
  const sleep = clock.sleep(5, controller.signal);
  controller.abort(new RangeError("enough"));
  await expect(sleep).rejects.toBeInstanceOf(RangeError);
  await expect(clock.sleep(5, controller.signal)).rejects.toBeInstanceOf(RangeError);
  expect(clock.sleeping).toBe(0);
});
