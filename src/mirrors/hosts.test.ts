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

test("a range that was ignored once costs minutes of them, each time twice as long, and one that is honoured ends it", () => {
  const clock = createFakeClock();
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const host = createHosts({ rows, clock, onCircuitChange: () => undefined }).at("http://a.test");
  const later = (minutes: number) => clock.set(clock.now() + minutes * 60_000);
  expect(host.status().acceptsRanges).toBe(true);
  host.noteRange(false);
  host.noteRange(false);
  later(9);
  expect(host.status().acceptsRanges).toBe(false);
  later(1);
  expect(host.status().acceptsRanges).toBe(true);
  host.noteRange(false);
  later(19);
  expect(host.status().acceptsRanges).toBe(false);
  later(1);
  host.noteRange(true);
  host.noteRange(false);
  later(10);
  expect(host.status().acceptsRanges).toBe(true);
  for (let i = 0; i < 12; i++) {
    host.noteRange(false);
    later(24 * 60);
    expect(host.status().acceptsRanges).toBe(true);
  }
});

test("a host that asked to wait is the last resort until then, also after a restart", () => {
  const clock = createFakeClock();
  const until = clock.now() + 60_000;
  const waiting = new Map<string, number>();
  const waits = {
    waitUntil: (host: string) => ((waiting.get(host) ?? 0) > clock.now() ? waiting.get(host) : undefined),
    wait: (host: string, at: number) => void waiting.set(host, at),
  };
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const hosts = createHosts({ rows, clock, waits, onCircuitChange: () => undefined });
  const host = hosts.at("http://a.test:80/gentoo");
  waits.wait("a.test", until);
  expect([host.circuit, host.waitUntil, host.status().available, host.expectedMs(1)]).toEqual([
    "waiting",
    until,
    false,
    undefined,
  ]);
  const records = hosts.all();
  waiting.clear();
  const again = createHosts({ rows: { ...rows, all: () => records }, clock, waits, onCircuitChange: () => undefined });
  expect(again.at("http://a.test:80/gentoo").circuit).toBe("waiting");
  clock.set(until);
  expect(again.at("http://a.test:80/gentoo").circuit).toBe("closed");
});
