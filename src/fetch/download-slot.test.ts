import { expect, test } from "bun:test";
import { createSemaphore } from "../lib/semaphore.ts";
import { createPlace } from "./download-slot.ts";

test("who steps aside gives its place away once there is room aside, and that room when it leaves", async () => {
  const [places, aside] = [createSemaphore(1), createSemaphore(1)];
  const [first, second] = [createPlace(aside), createPlace(aside)];
  first.take(await places.acquire());
  first.stepAside();
  first.stepAside();
  second.take(await places.acquire());
  second.stepAside();
  const third = places.acquire();
  await Bun.sleep(0);
  expect([places.waiting, aside.waiting]).toEqual([1, 1]);
  first.leave();
  (await third)();
  second.leave();
  expect([places.waiting, aside.waiting]).toEqual([0, 0]);
  (await aside.acquire())();
});

test("who has left before there was room aside takes none", async () => {
  const [places, aside] = [createSemaphore(1), createSemaphore(1)];
  const other = await aside.acquire();
  const place = createPlace(aside);
  place.take(await places.acquire());
  place.stepAside();
  place.leave();
  (await places.acquire())();
  other();
  await Bun.sleep(0);
  (await aside.acquire())();
});
