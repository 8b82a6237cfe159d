import { expect, test } from "bun:test";
import fc from "fast-check";
import type { HostStats } from "../distfile/mirror-records.ts";
import type { RequestOutcome } from "../distfile/source.ts";
import {
  aged,
  circuitState,
  expectedMs,
  firstBytePercentile,
  hedgeDelayMs,
  NO_STATS,
  successRate,
  withFirstByte,
  withLeastSpeed,
  withOutcome,
  withSpeed,
} from "./host-stats.ts";

const MIB = 1024 * 1024;
const DAY = 24 * 60 * 60_000;
const NOW = Date.UTC(2026, 0, 1);
const after = (...outcomes: RequestOutcome[]) =>
  outcomes.reduce((stats, one) => withOutcome(stats, one, NOW), NO_STATS);

test("the circuit opens after one unreachable request, two failures or three late ones in a row", () => {
  const rows: [RequestOutcome[], "closed" | "open"][] = [
    [["unreachable"], "open"],
    [["failed"], "closed"],
    [["failed", "failed"], "open"],
    [["failed", "delivered", "failed"], "closed"],
    [["failed", "absent", "failed"], "closed"],
    [["failed", "cancelled", "failed"], "open"],
    [["late", "late"], "closed"],
    [["late", "late", "late"], "open"],
    [["absent", "absent", "absent", "absent"], "closed"],
    [["cancelled", "cancelled", "cancelled", "cancelled"], "closed"],
    [["unreachable", "delivered"], "closed"],
  ];
  for (const [outcomes, circuit] of rows) {
    expect([outcomes, circuitState(after(...outcomes), 0, NOW)]).toEqual([outcomes, circuit]);
  }
});

test("an open circuit lets one request through at a time, and stays open twice as long after each that fails, up to a limit", () => {
  let stats = after("unreachable", "unreachable");
  let now = NOW;
  const waits: number[] = [];
  for (let probe = 0; probe < 9; probe++) {
    const until = stats.openUntil ?? 0;
    waits.push((until - now) / 1000);
    expect(circuitState(stats, 0, until - 1)).toBe("open");
    expect(circuitState(stats, 0, until)).toBe("half-open");
    expect(circuitState(stats, 1, until)).toBe("open");
    now = until;
    stats = withOutcome(stats, "failed", now);
  }
  expect(waits).toEqual([15, 30, 60, 120, 240, 480, 900, 900, 900]);
  expect(withOutcome(withOutcome(stats, "absent", now), "unreachable", now).openForMs).toBe(15_000);
});

test("setting the clock back does not keep a circuit open", () => {
  expect(circuitState(after("unreachable"), 0, NOW - DAY)).toBe("half-open");
});

test("throughput follows both a faster and a slower host within a few files", () => {
  let fast = withSpeed(NO_STATS, 50 * MIB, 5_000);
  expect(Math.round((fast.bytesPerSecond ?? 0) / MIB)).toBe(10);
  fast = withSpeed(fast, 20_000, 1);
  expect((fast.bytesPerSecond ?? 0) / MIB).toBeCloseTo(10, 0);
  let slow = fast;
  for (let file = 0; file < 3; file++) slow = withSpeed(slow, 4_000, 4_000);
  expect(slow.bytesPerSecond).toBeLessThan(20_000);
  expect((withSpeed(slow, 8 * MIB, 800).bytesPerSecond ?? 0) / MIB).toBeGreaterThan(0.1);
});

test("a transfer that came all at once sets a lower bound of throughput", () => {
  const stats = withLeastSpeed(NO_STATS, 100_000, 20);
  expect(Math.round(stats.bytesPerSecond ?? 0)).toBe(5_000_000);
  expect(withLeastSpeed(stats, 100_000, 50)).toEqual(stats);
  expect(withLeastSpeed(stats, 100_000, 2).bytesPerSecond).toBeGreaterThan(10_000_000);
  expect(withLeastSpeed(NO_STATS, 500, 2)).toEqual(NO_STATS);
  expect(withLeastSpeed(NO_STATS, 0, 0)).toEqual(NO_STATS);
});

test("the hedge delay is the 95th percentile of recent first bytes, in bounds, with defaults for new hosts and after an open circuit", () => {
  const seen = (...all: number[]) => all.reduce(withFirstByte, NO_STATS);
  expect(hedgeDelayMs(NO_STATS)).toBe(1_000);
  expect(hedgeDelayMs(seen(900, 900, 900, 900))).toBe(1_000);
  expect(hedgeDelayMs(seen(5, 5, 5, 5, 5))).toBe(300);
  const twenty = Array.from({ length: 20 }, (_, i) => 400 + 10 * i);
  expect(firstBytePercentile(seen(...twenty), 0.95)).toBe(580);
  expect(hedgeDelayMs(seen(9_999, ...twenty))).toBe(580);
  expect(hedgeDelayMs(seen(...twenty.map((ms) => ms * 100)))).toBe(5_000);
  expect(hedgeDelayMs({ ...seen(...twenty), openUntil: NOW })).toBe(300);
});

test("old samples count less: a slow host is expected to have got better", () => {
  const slow = withOutcome(withSpeed(withFirstByte(NO_STATS, 50), 200_000, 20_000), "delivered", NOW);
  const prior = { firstByteMs: 50, bytesPerSecond: 10_000_000 };
  const after = (days: number) => expectedMs(aged(slow, NOW + days * DAY), prior, MIB);
  expect(after(0)).toBeGreaterThan(30_000);
  expect(after(5)).toBeLessThan(after(0) / 5);
  expect(after(20)).toBeLessThan(200);
  expect(successRate(slow)).toBe(1);
});

test("statistics stay finite whatever happens, and success closes the circuit", () => {
  const event = fc.oneof(
    fc.record({ ms: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ bytes: fc.integer({ min: 0, max: 1e10 }), waitedMs: fc.integer({ min: 0, max: 1e6 }) }),
    fc.constantFrom<RequestOutcome>("delivered", "absent", "failed", "unreachable", "late", "cancelled"),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), fc.integer({ min: 0, max: 1e9 }), (events, step) => {
      let stats: HostStats = NO_STATS;
      let now = NOW;
      for (const one of events) {
        now += step;
        if (typeof one === "string") stats = withOutcome(stats, one, now);
        else stats = "ms" in one ? withFirstByte(stats, one.ms) : withSpeed(stats, one.bytes, one.waitedMs);
        if (one === "delivered" || one === "absent") expect(circuitState(stats, 0, now)).toBe("closed");
      }
      const ms = expectedMs(aged(stats, now), { firstByteMs: 50, bytesPerSecond: 1e7 }, MIB);
      expect(Number.isFinite(ms) && ms >= 0).toBe(true);
      expect(stats.recentFirstByteMs.length).toBeLessThanOrEqual(20);
      expect(successRate(stats) ?? 1).toBeLessThanOrEqual(1);
    }),
  );
});
