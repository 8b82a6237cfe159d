import { expect, test } from "bun:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createGuessDelay } from "./guess-delay.ts";

test("wrong tokens are refused ten a second, and what is more than five seconds' worth at once", async () => {
  const clock = createFakeClock();
  const delay = createGuessDelay(clock);
  const outcomes: boolean[] = [];
  for (let guess = 0; guess < 60; guess++) void delay.wait().then((waited) => outcomes.push(waited));
  await clock.advance(0);
  expect(outcomes).toEqual(Array(10).fill(false));
  await clock.advance(1000);
  expect(outcomes).toHaveLength(20);
  await clock.advance(10_000);
  expect(outcomes).toHaveLength(60);
  const again = delay.wait();
  await clock.advance(100);
  expect(await again).toBe(true);
});
