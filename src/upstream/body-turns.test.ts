import { expect, test } from "bun:test";
import { createBodyTurns } from "./body-turns.ts";

test("two pieces are taken in one turn of the event loop, and the next ones in later turns", async () => {
  const body = createBodyTurns()();
  expect([body.next(), body.next()]).toEqual([undefined, undefined]);
  const third = body.next();
  expect(third).toBeInstanceOf(Promise);
  let begun = false;
  void third?.then(() => {
    begun = true;
  });
  await Promise.resolve();
  expect(begun).toBe(false);
  await third;
  body.leave();
});

test("of very many bodies none waits, and they do again once there are few", () => {
  const enter = createBodyTurns();
  const bodies = Array.from({ length: 81 }, enter);
  const taken = Array.from({ length: 10 }, () => bodies[0]?.next());
  expect(taken).toEqual(Array.from({ length: 10 }, () => undefined));
  bodies[1]?.leave();
  bodies[1]?.leave();
  for (let i = 0; i < 2; i++) expect(bodies[0]?.next()).toBeUndefined();
  expect(bodies[0]?.next()).toBeInstanceOf(Promise);
});
