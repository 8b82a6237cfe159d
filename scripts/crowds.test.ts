/**
 * Runs small crowds against the executable: floods of requests whose client leaves, and slow readers. scripts/storm/floods.ts and
 * scripts/storm/slow-readers.ts run large ones.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { brokenBounds, FLOOD_KINDS, measureFlood } from "./storm/floods.ts";
import { maxGrowthBytes, measureSlowReaders } from "./storm/slow-readers.ts";

setDefaultTimeout(120_000);

test.each(FLOOD_KINDS.map((kind) => [kind] as const))(
  "a flood of requests (%s) whose client leaves keeps no other client waiting, and no memory",
  async (kind) => {
    expect(brokenBounds(await measureFlood(kind, undefined, 600))).toEqual([]);
  },
);

test("slow readers of a file that is coming in cost little memory, and hold up nobody", async () => {
  const clients = 1_000;
  const { grownBytes, healthMs } = await measureSlowReaders(clients, "incoming");
  expect(grownBytes).toBeLessThan(maxGrowthBytes(clients));
  expect(healthMs).toBeLessThan(2_000);
});
