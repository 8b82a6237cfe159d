import { expect, test } from "bun:test";
import { yieldIfSlow } from "./download-slot.ts";

test("a slot that is for asking sources is yielded after a second, and no more once nobody watches", async () => {
  let yielded = 0;
  const slot = { release: () => undefined, yield: () => yielded++, reportSlow: () => undefined };
  const stop = yieldIfSlow(slot, { receivedBytes: () => 10_000_000, waitedMs: () => 0 }, true, () => undefined);
  await Bun.sleep(500);
  expect(yielded).toBe(0);
  await Bun.sleep(700);
  expect(yielded).toBe(1);
  stop();
  await Bun.sleep(1_100);
  expect(yielded).toBe(1);
});
