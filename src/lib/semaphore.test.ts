import { expect, test } from "bun:test";
import { createSemaphore } from "./semaphore.ts";

test("more places than before are given to those who wait as soon as one is given back", async () => {
  let places = 1;
  const semaphore = createSemaphore(() => places);
  const release = await semaphore.acquire();
  const held: string[] = [];
  for (const name of ["a", "b", "c"]) void semaphore.acquire().then(() => held.push(name));
  places = 2;
  expect(semaphore.waiting).toBe(3);
  release();
  release();
  await Bun.sleep(0);
  expect([held, semaphore.waiting]).toEqual([["a", "b"], 1]);
});

test("with fewer places than before nobody new comes until enough have left", async () => {
  let places = 3;
  const semaphore = createSemaphore(() => places);
  const releases = [await semaphore.acquire(), await semaphore.acquire(), await semaphore.acquire()];
  places = 1;
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
