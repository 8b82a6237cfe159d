import { expect, test } from "bun:test";
import { createHosts } from "../mirrors/hosts.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createUriOrder } from "./uri-order.ts";

/** Returns the same numbers in every run. */
function createRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

function create() {
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  return createUriOrder(
    createHosts({ rows, clock: createFakeClock(), onCircuitChange: () => undefined }),
    createRandom(),
  );
}

/** Counts how often each URL is the first in a thousand draws. */
function firsts(order: ReturnType<typeof create>, urls: readonly string[]): readonly number[] {
  const first = Array.from({ length: 1000 }, () => order.spread(urls)[0]);
  return urls.map((url) => first.filter((one) => one === url).length);
}

test("plain URIs keep their order, except that hosts with an open circuit come last", () => {
  const order = create();
  const uris = ["https://a.test/1", "https://b.test/2", "https://a.test/3"].map((url) => ({
    kind: "url" as const,
    trusted: false,
    url,
  }));
  const urls = () => order.order(uris).map((one) => (one.kind === "url" ? one.url : one.name));
  expect(order.order([{ kind: "mirrors", name: "x" as never }, ...uris]).length).toBe(4);
  order.hostOf("https://a.test/1").startRequest(undefined).end("failed");
  expect(urls()).toEqual(["https://a.test/1", "https://b.test/2", "https://a.test/3"]);
  order.hostOf("https://a.test/3").startRequest(undefined).end("failed");
  expect(urls()).toEqual(["https://b.test/2", "https://a.test/1", "https://a.test/3"]);
});

test("equal hosts of a mirror:// list come first equally often, faster hosts in proportion to their speed", () => {
  const order = create();
  const urls = ["https://a.test/x/", "https://b.test/", "https://c.test/", "not a URL"];
  for (const count of firsts(order, urls.slice(0, 3))) expect(Math.abs(count - 333)).toBeLessThan(60);
  for (const [url, speed] of [
    ["https://a.test", 1_000_000],
    ["https://b.test", 4_000_000],
  ] as const) {
    const recorder = order.hostOf(url).startRequest(undefined);
    recorder.firstByte(1);
    recorder.received(1, 0);
    recorder.received(10 * speed, 10_000);
    recorder.end("delivered");
  }
  const [slow = 0, fast = 0] = firsts(order, urls.slice(0, 2));
  expect(fast / slow).toBeGreaterThan(3);
  expect(fast / slow).toBeLessThan(5);
  expect(order.spread(urls).toSorted()).toEqual(urls.toSorted());
});
