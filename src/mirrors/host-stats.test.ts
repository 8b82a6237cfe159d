import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RequestOutcome } from "../distfile/source.ts";
import {
  aged,
  circuitOf,
  expectedMs,
  firstByteWithin,
  hedgeDelayMs,
  type Knowledge,
  NOTHING_KNOWN,
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
  outcomes.reduce((known, one) => withOutcome(known, one, NOW), NOTHING_KNOWN);

test("what opens a circuit, and what does not", () => {
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
    expect([outcomes, circuitOf(after(...outcomes), 0, NOW)]).toEqual([outcomes, circuit]);
  }
});

test("an open circuit lets one request through at a time, and waits twice as long each time that fails, up to a limit", () => {
  let known = after("unreachable", "unreachable");
  let now = NOW;
  const waits: number[] = [];
  for (let probe = 0; probe < 9; probe++) {
    const until = known.openUntil ?? 0;
    waits.push((until - now) / 1000);
    expect(circuitOf(known, 0, until - 1)).toBe("open");
    expect(circuitOf(known, 0, until)).toBe("half-open");
    expect(circuitOf(known, 1, until)).toBe("open");
    now = until;
    known = withOutcome(known, "failed", now);
  }
  expect(waits).toEqual([15, 30, 60, 120, 240, 480, 900, 900, 900]);
  expect(withOutcome(withOutcome(known, "absent", now), "unreachable", now).openForMs).toBe(15_000);
});

test("a clock that was set back does not keep a circuit open", () => {
  expect(circuitOf(after("unreachable"), 0, NOW - DAY)).toBe("half-open");
});

test("a speed is believed by its bytes, and by the time that few bytes took: both ways within a few files", () => {
  let fast = withSpeed(NOTHING_KNOWN, 50 * MIB, 5_000);
  expect(Math.round((fast.bytesPerSecond ?? 0) / MIB)).toBe(10);
  fast = withSpeed(fast, 20_000, 1);
  expect((fast.bytesPerSecond ?? 0) / MIB).toBeCloseTo(10, 0);
  let slow = fast;
  for (let file = 0; file < 3; file++) slow = withSpeed(slow, 4_000, 4_000);
  expect(slow.bytesPerSecond).toBeLessThan(20_000);
  expect((withSpeed(slow, 8 * MIB, 800).bytesPerSecond ?? 0) / MIB).toBeGreaterThan(0.1);
});

test("a place from which all comes at once is as fast as that at least, and no slower than it was", () => {
  const known = withLeastSpeed(NOTHING_KNOWN, 100_000, 20);
  expect(Math.round(known.bytesPerSecond ?? 0)).toBe(5_000_000);
  expect(withLeastSpeed(known, 100_000, 50)).toEqual(known);
  expect(withLeastSpeed(known, 100_000, 2).bytesPerSecond).toBeGreaterThan(10_000_000);
  expect(withLeastSpeed(NOTHING_KNOWN, 500, 2)).toEqual(NOTHING_KNOWN);
  expect(withLeastSpeed(NOTHING_KNOWN, 0, 0)).toEqual(NOTHING_KNOWN);
});

test("patience is the 95th percentile of the last first bytes, between bounds; strangers and the newly mended have their own", () => {
  const seen = (...all: number[]) => all.reduce(withFirstByte, NOTHING_KNOWN);
  expect(hedgeDelayMs(NOTHING_KNOWN)).toBe(1_000);
  expect(hedgeDelayMs(seen(900, 900, 900, 900))).toBe(1_000);
  expect(hedgeDelayMs(seen(5, 5, 5, 5, 5))).toBe(300);
  const twenty = Array.from({ length: 20 }, (_, i) => 400 + 10 * i);
  expect(firstByteWithin(seen(...twenty), 0.95)).toBe(580);
  expect(hedgeDelayMs(seen(9_999, ...twenty))).toBe(580);
  expect(hedgeDelayMs(seen(...twenty.map((ms) => ms * 100)))).toBe(5_000);
  expect(hedgeDelayMs({ ...seen(...twenty), openUntil: NOW })).toBe(300);
});

test("what was learnt long ago counts less: a slow place is expected to have got better", () => {
  const slow = withOutcome(withSpeed(withFirstByte(NOTHING_KNOWN, 50), 200_000, 20_000), "delivered", NOW);
  const prior = { firstByteMs: 50, bytesPerSecond: 10_000_000 };
  const after = (days: number) => expectedMs(aged(slow, NOW + days * DAY), prior, MIB);
  expect(after(0)).toBeGreaterThan(30_000);
  expect(after(5)).toBeLessThan(after(0) / 5);
  expect(after(20)).toBeLessThan(200);
  expect(successRate(slow)).toBe(1);
});

test("whatever happens, all stays finite, and success closes the circuit", () => {
  const event = fc.oneof(
    fc.record({ ms: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ bytes: fc.integer({ min: 0, max: 1e10 }), waitedMs: fc.integer({ min: 0, max: 1e6 }) }),
    fc.constantFrom<RequestOutcome>("delivered", "absent", "failed", "unreachable", "late", "cancelled"),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), fc.integer({ min: 0, max: 1e9 }), (events, step) => {
      let known: Knowledge = NOTHING_KNOWN;
      let now = NOW;
      for (const one of events) {
        now += step;
        if (typeof one === "string") known = withOutcome(known, one, now);
        else known = "ms" in one ? withFirstByte(known, one.ms) : withSpeed(known, one.bytes, one.waitedMs);
        if (one === "delivered" || one === "absent") expect(circuitOf(known, 0, now)).toBe("closed");
      }
      const ms = expectedMs(aged(known, now), { firstByteMs: 50, bytesPerSecond: 1e7 }, MIB);
      expect(Number.isFinite(ms) && ms >= 0).toBe(true);
      expect(known.recentFirstByteMs.length).toBeLessThanOrEqual(20);
      expect(successRate(known) ?? 1).toBeLessThanOrEqual(1);
    }),
  );
});
