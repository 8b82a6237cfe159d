import { expect, test } from "bun:test";
import { createSteps } from "./steps.ts";

test("long work leaves others half of the time, and short work does not rest", async () => {
  const endStep = createSteps();
  const startedAt = performance.now();
  let working = 0;
  for (let i = 0; i < 50; i++) {
    const from = performance.now();
    while (performance.now() - from < 4);
    working += performance.now() - from;
    await endStep();
  }
  expect(performance.now() - startedAt).toBeGreaterThan(1.5 * working);

  let rested = false;
  setImmediate(() => {
    rested = true;
  });
  const endShort = createSteps(undefined, 1_000);
  for (let i = 0; i < 50; i++) await endShort();
  expect(rested).toBe(false);
});
