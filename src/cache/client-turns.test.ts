import { expect, test } from "bun:test";
import { createClientTurns } from "./client-turns.ts";

const { signal } = new AbortController();

test("a few pieces of work begin in one turn of the event loop, and clients take turns", async () => {
  const takeTurn = createClientTurns(2);
  const begun: string[] = [];
  const ask = async (client: string, many: number) => {
    await Promise.all(
      Array.from({ length: many }, async () => {
        await takeTurn({ client, signal });
        begun.push(client);
      }),
    );
  };
  const all = Promise.all([ask("a", 1_000), ask("b", 2), ask("c", 1)]);
  await Promise.resolve();
  await Promise.resolve();
  expect(begun.length).toBeLessThanOrEqual(2);
  await all;
  expect(begun.length).toBe(1_003);
  expect(begun.lastIndexOf("b")).toBeLessThan(12);
  expect(begun.indexOf("c")).toBeLessThan(12);
});

test("who has left gets no turn and takes none of others", async () => {
  const takeTurn = createClientTurns(2);
  const leaving = new AbortController();
  const turns = Array.from({ length: 1_000 }, () => takeTurn({ client: "a", signal: leaving.signal }));
  const next = takeTurn({ client: "a", signal });
  leaving.abort();
  expect(await next).toBe(true);
  expect(new Set(await Promise.all(turns))).toEqual(new Set([false]));
  expect(await takeTurn({ client: "a", signal: leaving.signal })).toBe(false);
});
