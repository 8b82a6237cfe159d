import { expect, test } from "bun:test";
import { createAnswerQueue } from "./answer-queue.ts";

const never = new AbortController().signal;
const busy = (ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until; );
};

test("answers are made one after the other, clients take turns, and others get as much time in between", async () => {
  const inTurn = createAnswerQueue();
  const order: string[] = [];
  const ask = (client: string, name: string) =>
    inTurn(never, client, () => {
      busy(10);
      order.push(name);
      return new Response(name);
    });
  const startedAt = performance.now();
  const asked = [ask("a", "a1"), ask("a", "a2"), ask("a", "a3"), ask("b", "b1")];
  let longestMs = 0;
  let before = performance.now();
  const watch = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - before);
    before = performance.now();
  }, 1);
  await Promise.all(asked);
  clearInterval(watch);
  expect(order).toEqual(["a1", "b1", "a2", "a3"]);
  expect(performance.now() - startedAt).toBeGreaterThan(65);
  expect(longestMs).toBeLessThan(30);
});

test("one client has no more than its share of those that wait, who leaves gives it back, and an error is the asker's own", async () => {
  const inTurn = createAnswerQueue();
  const leave = new AbortController();
  const gate = Promise.withResolvers<Response>();
  const first = inTurn(never, "a", () => gate.promise);
  const waiting = Array.from({ length: 31 }, () => inTurn(leave.signal, "a", () => new Response("late")));
  const refused = await inTurn(never, "a", () => new Response("no"));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  leave.abort();
  const again = inTurn(never, "a", () => {
    throw new Error("broken");
  });
  gate.resolve(new Response("first"));
  expect(await (await first).text()).toBe("first");
  expect(again).rejects.toThrow("broken");
  expect(Bun.peek.status(waiting[0] ?? gate.promise)).toBe("pending");
});

test("an answer that waits for something lets others go on after a second", async () => {
  const inTurn = createAnswerQueue();
  const gate = Promise.withResolvers<Response>();
  const slow = inTurn(never, "a", () => gate.promise);
  const startedAt = performance.now();
  expect(await (await inTurn(never, "b", () => new Response("b"))).text()).toBe("b");
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  gate.resolve(new Response("a"));
  expect(await (await slow).text()).toBe("a");
});
