import { expect, test } from "bun:test";
import { createAnswerQueue } from "./answer-queue.ts";

const never = new AbortController().signal;
const busy = (ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until; );
};

test("answers are made one after the other, clients take turns, and others get as much time in between", async () => {
  const inTurn = createAnswerQueue();
  const made: { readonly name: string; readonly from: number; readonly to: number }[] = [];
  const ask = (client: string, name: string) =>
    inTurn(never, client, () => {
      const from = performance.now();
      busy(10);
      made.push({ name, from, to: performance.now() });
      return new Response(name);
    });
  await Promise.all([ask("a", "a1"), ask("a", "a2"), ask("a", "a3"), ask("b", "b1")]);
  expect(made.map(({ name }) => name)).toEqual(["a1", "b1", "a2", "a3"]);
  for (const [i, { from }] of made.entries()) {
    const last = made[i - 1];
    // A timer may be a millisecond early.
    if (last) expect(from - last.to).toBeGreaterThan(last.to - last.from - 2);
  }
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
