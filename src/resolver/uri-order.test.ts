import { expect, test } from "bun:test";
import { createPlaces } from "../mirrors/hosts.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createUriOrder } from "./uri-order.ts";

/** The same numbers in every run. */
function createRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

function create() {
  const memory = { all: () => [], putAll: () => undefined, forget: () => undefined };
  return createUriOrder(createPlaces({ memory, clock: createFakeClock(), onCircuit: () => undefined }), createRandom());
}

/** How often each of them is the first in a thousand draws. */
function firsts(hosts: ReturnType<typeof create>, urls: readonly string[]): readonly number[] {
  const first = Array.from({ length: 1000 }, () => hosts.spread(urls)[0]);
  return urls.map((url) => first.filter((one) => one === url).length);
}

test("plain URIs keep their order, but for hosts out of order, which are asked last", () => {
  const hosts = create();
  const candidates = ["https://a.test/1", "https://b.test/2", "https://a.test/3"].map((url) => ({
    kind: "url" as const,
    trusted: false,
    url,
  }));
  const urls = () => hosts.order(candidates).map((one) => (one.kind === "url" ? one.url : one.name));
  expect(hosts.order([{ kind: "mirrors", name: "x" as never }, ...candidates]).length).toBe(4);
  hosts.hostOf("https://a.test/1").startRequest(undefined).end("failed");
  expect(urls()).toEqual(["https://a.test/1", "https://b.test/2", "https://a.test/3"]);
  hosts.hostOf("https://a.test/3").startRequest(undefined).end("failed");
  expect(urls()).toEqual(["https://b.test/2", "https://a.test/1", "https://a.test/3"]);
});

test("equal hosts of a mirror:// list are first equally often, faster ones in proportion", () => {
  const hosts = create();
  const urls = ["https://a.test/x/", "https://b.test/", "https://c.test/", "no URL"];
  for (const count of firsts(hosts, urls.slice(0, 3))) expect(Math.abs(count - 333)).toBeLessThan(60);
  for (const [url, speed] of [
    ["https://a.test", 1_000_000],
    ["https://b.test", 4_000_000],
  ] as const) {
    const trial = hosts.hostOf(url).startRequest(undefined);
    trial.firstByte(1);
    trial.received(1, 0);
    trial.received(10 * speed, 10_000);
    trial.end("delivered");
  }
  const [slow = 0, fast = 0] = firsts(hosts, urls.slice(0, 2));
  expect(fast / slow).toBeGreaterThan(3);
  expect(fast / slow).toBeLessThan(5);
  expect(hosts.spread(urls).toSorted()).toEqual(urls.toSorted());
});
