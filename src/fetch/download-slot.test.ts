import { expect, test } from "bun:test";
import { createSemaphore } from "../lib/semaphore.ts";
import { createDownloadSlot } from "./download-slot.ts";

test("a download that yields gives its slot back once it has a yielded slot, and that one when it ends", async () => {
  const [slots, yieldedSlots] = [createSemaphore(1), createSemaphore(1)];
  const [first, second] = [createDownloadSlot(yieldedSlots), createDownloadSlot(yieldedSlots)];
  first.take(await slots.acquire());
  first.yield();
  first.yield();
  second.take(await slots.acquire());
  second.yield();
  const third = slots.acquire();
  await Bun.sleep(0);
  expect([slots.waiting, yieldedSlots.waiting]).toEqual([1, 1]);
  first.release();
  (await third)();
  second.release();
  expect([slots.waiting, yieldedSlots.waiting]).toEqual([0, 0]);
  (await yieldedSlots.acquire())();
});

test("a download that ended while it waited to yield keeps no slot", async () => {
  const [slots, yieldedSlots] = [createSemaphore(1), createSemaphore(1)];
  const other = await yieldedSlots.acquire();
  const slot = createDownloadSlot(yieldedSlots);
  slot.take(await slots.acquire());
  slot.yield();
  slot.release();
  (await slots.acquire())();
  other();
  await Bun.sleep(0);
  expect(await yieldedSlots.acquire()).toBeFunction();
});
