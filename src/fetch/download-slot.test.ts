import { expect, test } from "bun:test";
import { createSemaphore } from "../lib/semaphore.ts";
import { createDownloadSlot } from "./download-slot.ts";

test("a download that yields gives its slot back once there is room aside, and that room when it ends", async () => {
  const [slots, aside] = [createSemaphore(1), createSemaphore(1)];
  const [first, second] = [createDownloadSlot(aside), createDownloadSlot(aside)];
  first.take(await slots.acquire());
  first.yield();
  first.yield();
  second.take(await slots.acquire());
  second.yield();
  const third = slots.acquire();
  await Bun.sleep(0);
  expect([slots.waiting, aside.waiting]).toEqual([1, 1]);
  first.release();
  (await third)();
  second.release();
  expect([slots.waiting, aside.waiting]).toEqual([0, 0]);
  (await aside.acquire())();
});

test("a download that ended before there was room aside takes none", async () => {
  const [slots, aside] = [createSemaphore(1), createSemaphore(1)];
  const other = await aside.acquire();
  const slot = createDownloadSlot(aside);
  slot.take(await slots.acquire());
  slot.yield();
  slot.release();
  (await slots.acquire())();
  other();
  await Bun.sleep(0);
  expect(await aside.acquire()).toBeFunction();
});
