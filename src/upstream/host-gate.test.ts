import { expect, test } from "bun:test";
import { SourceError } from "../distfile/errors.ts";
import { createHostGate, retryAfterMs } from "./host-gate.ts";

const NOW = Date.UTC(2026, 5, 1);
const HOUR = 60 * 60_000;

test("Retry-After is read as seconds and as a date, of all but answers, and never means more than an hour", () => {
  const wish = (status: number, text?: string, date: Record<string, string> = {}) =>
    retryAfterMs({ status, headers: new Headers(text === undefined ? {} : { "retry-after": text, ...date }) }, NOW);
  expect(wish(429, "30")).toBe(30_000);
  expect(wish(503, " 30 ")).toBe(30_000);
  expect(wish(503, new Date(NOW + 60_000).toUTCString())).toBe(60_000);
  expect(wish(503, "Monday, 01-Jun-26 00:02:00 GMT")).toBe(120_000);
  expect(wish(429, "Mon Jun  1 00:03:00 2026")).toBe(180_000);
  expect(wish(429, "999999999")).toBe(HOUR);
  expect(wish(429, "9".repeat(400))).toBe(HOUR);
  for (const text of [undefined, "0", "-1", "1.5", "soon", new Date(NOW - 1000).toUTCString()]) {
    expect([text, wish(429, text)]).toEqual([text, undefined]);
  }
  expect(wish(429, "60, 120")).toBe(120_000);
  expect(wish(429, "1,".repeat(10_000))).toBeUndefined();
  expect(wish(429, `${"1,".repeat(10_000)}1`)).toBeUndefined();
  for (const status of [202, 302, 403, 500, 502, 504]) expect([status, wish(status, "30")]).toEqual([status, 30_000]);
  for (const status of [200, 206, 304, 404, 410]) expect([status, wish(status, "30")]).toEqual([status, undefined]);
});

test("a date in Retry-After is one of the host's clock", () => {
  const at = (ms: number) => new Date(NOW + ms).toUTCString();
  const headers = new Headers({ date: at(-10 * 60_000), "retry-after": at(-9 * 60_000) });
  expect(retryAfterMs({ status: 429, headers }, NOW)).toBe(60_000);
});

test("a host that asked to wait is not asked before that time, however often it said so", async () => {
  let now = NOW;
  const gate = createHostGate(() => now);
  gate.wait("a.test", NOW + 60_000);
  gate.wait("a.test", NOW + 10_000);
  const refusal = await gate.enter("a.test").catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(SourceError);
  expect(refusal).toMatchObject({ message: "a.test asked to wait, and is asked again in 60 s", retryAfterMs: 60_000 });
  (await gate.enter("b.test"))(true);
  expect(gate.waitUntil("a.test")).toBe(NOW + 60_000);
  now = NOW + 60_000;
  expect(gate.waitUntil("a.test")).toBeUndefined();
  (await gate.enter("a.test"))(true);
});

test("a wait from before the clock was set back does not last", async () => {
  let now = NOW;
  const gate = createHostGate(() => now);
  gate.wait("a.test", NOW + HOUR);
  now = NOW - 24 * HOUR;
  expect(gate.waitUntil("a.test")).toBeUndefined();
});

test("a burst to an unknown host begins with two requests, and each answer doubles it", async () => {
  const gate = createHostGate(Date.now);
  const leaves: ((answered: boolean) => void)[] = [];
  const entered = Array.from({ length: 12 }, async () => leaves.push(await gate.enter("a.test")));
  await Bun.sleep(20);
  expect(leaves.length).toBe(2);
  leaves[0]?.(true);
  await Bun.sleep(20);
  expect(leaves.length).toBe(5);
  leaves[1]?.(true);
  leaves[2]?.(true);
  await Promise.all(entered);
  expect(leaves.length).toBe(12);
});

test("when the first of a burst are asked to wait, no other is sent", async () => {
  const gate = createHostGate(Date.now);
  let sent = 0;
  const all = Array.from({ length: 12 }, async () => {
    const leave = await gate.enter("a.test");
    sent++;
    await Bun.sleep(10);
    gate.wait("a.test", Date.now() + 60_000);
    leave(true);
  });
  const settled = await Promise.allSettled(all);
  expect([sent, settled.filter(({ status }) => status === "rejected").length]).toEqual([2, 10]);
});

test("a burst to a silent host is held back for a second at most", async () => {
  const gate = createHostGate(Date.now);
  const startedAt = performance.now();
  await Promise.all([1, 2, 3].map(() => gate.enter("a.test")));
  expect(performance.now() - startedAt).toBeGreaterThan(900);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test("hosts that all ask to wait are forgotten from the oldest on, however many a repository names", async () => {
  const gate = createHostGate(() => NOW);
  for (let i = 0; i < 3_000; i++) gate.wait(`host-${i}.test`, NOW + 60_000);
  expect([gate.waitUntil("host-1999.test"), gate.waitUntil("host-2000.test")]).toEqual([undefined, NOW + 60_000]);
});
