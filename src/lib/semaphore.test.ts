import { expect, test } from "bun:test";
import { createSemaphore } from "./semaphore.ts";

test("after the limit was raised, more than one waiting caller gets a slot when one is given back", async () => {
  let slots = 1;
  const semaphore = createSemaphore(() => slots);
  const release = await semaphore.acquire();
  const held: string[] = [];
  for (const name of ["a", "b", "c"]) void semaphore.acquire().then(() => held.push(name));
  slots = 2;
  expect(semaphore.waiting).toBe(3);
  release();
  release();
  await Bun.sleep(0);
  expect([held, semaphore.waiting]).toEqual([["a", "b"], 1]);
});

test("after the limit was lowered, nobody gets a slot until enough were given back", async () => {
  let slots = 3;
  const semaphore = createSemaphore(() => slots);
  const releases = [await semaphore.acquire(), await semaphore.acquire(), await semaphore.acquire()];
  slots = 1;
  let came = false;
  void semaphore.acquire().then(() => {
    came = true;
  });
  for (const [i, release] of releases.entries()) {
    release();
    await Bun.sleep(0);
    expect(came).toBe(i === 2);
  }
});
