/**
 * A short storm over the executable (storm.ts makes longer ones): no wrong byte, no status that must not be, the limits kept,
 * nothing left behind.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { storm } from "./storm.ts";

setDefaultTimeout(180_000);

test("clients, liars, kills, a full disk and meddlers at once: what completes is right, and nothing is left behind", async () => {
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
  // With the seed, so that it can be made again.
  expect([seed, report.wrong]).toEqual([seed, []]);
  expect(report.kills).toBeGreaterThan(0);
  expect((report.verdicts["whole"] ?? 0) + (report.verdicts["range"] ?? 0)).toBeGreaterThan(20);
});
