import { expect, test } from "bun:test";
import { createEventLoopTurns } from "./event-loop-turns.ts";

test("only so many pieces of work are done in one turn of the event loop, first come, first served", async () => {
  const turns = createEventLoopTurns(3);
  const done: number[] = [];
  async function work(number: number): Promise<void> {
    await turns();
    done.push(number);
  }
  const working = Promise.all(Array.from({ length: 10 }, (_, i) => work(i)));
  const seen: number[] = [];
  while (done.length < 10) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(done.length);
  }
  await working;
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // The first turn and the one after it are seen together.
  expect(seen).toEqual([6, 9, 10]);
});
