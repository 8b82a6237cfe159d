/**
 * Runs a short storm over the executable; storm.ts runs longer ones.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { storm } from "./storm.ts";

setDefaultTimeout(180_000);

test("in a storm of clients, faulty mirrors, kills and changed files, every complete response is right and nothing is left behind", async () => {
  const seed = Math.floor(Math.random() * 1_000_000);
  const report = await storm({
    seed,
    seconds: 9,
    clients: 12,
    files: 24,
    maxSizeMib: 32,
    diskMib: 64,
    killEvery: 4,
  });
  // The seed is shown, so that the storm can be repeated.
  expect([seed, report.wrong]).toEqual([seed, []]);
  expect(report.kills).toBeGreaterThan(0);
  expect((report.outcomes["whole"] ?? 0) + (report.outcomes["range"] ?? 0)).toBeGreaterThan(20);
});
