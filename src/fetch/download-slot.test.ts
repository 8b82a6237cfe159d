import { expect, test } from "bun:test";
import { createSemaphore } from "../lib/semaphore.ts";
import { createDownloadSlot } from "./download-slot.ts";

test("who steps aside gives its place away once there is room aside, and that room when it leaves", async () => {
  const [places, aside] = [createSemaphore(1), createSemaphore(1)];
  const [first, second] = [createDownloadSlot(aside), createDownloadSlot(aside)];
  first.take(await places.acquire());
  first.yield();
  first.yield();
  second.take(await places.acquire());
  second.yield();
  const third = places.acquire();
  await Bun.sleep(0);
  expect([places.waiting, aside.waiting]).toEqual([1, 1]);
  first.release();
  (await third)();
  second.release();
  expect([places.waiting, aside.waiting]).toEqual([0, 0]);
  (await aside.acquire())();
});

test("who has left before there was room aside takes none", async () => {
  const [places, aside] = [createSemaphore(1), createSemaphore(1)];
  const other = await aside.acquire();
  const place = createDownloadSlot(aside);
  place.take(await places.acquire());
  place.yield();
  place.release();
  (await places.acquire())();
  other();
  await Bun.sleep(0);
  expect(await aside.acquire()).toBeFunction();
});
