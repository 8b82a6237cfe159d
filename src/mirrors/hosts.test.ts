import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createHosts } from "./hosts.ts";

test("statistics of a host in use are written, however many other hosts come in between", () => {
  const written = new Map<string, unknown>();
  const clock = createFakeClock();
  const hosts = createHosts({
    rows: {
      all: () => [],
      putAll: (all) => {
        for (const { host, stats } of all) written.set(host, stats);
      },
      forget: (keys) => {
        for (const key of keys) written.delete(key);
      },
    },
    clock,
    onCircuitChange: () => undefined,
  });
  const mirror = hosts.at("http://mirror.test");
  for (let i = 0; i < 1500; i++) hosts.at(`http://host${i}.test`);
  mirror.startRequest(10).end("delivered");
  hosts.flush();
  expect(written.get("http://mirror.test")).toMatchObject({ delivered: expect.any(Number) });
});
