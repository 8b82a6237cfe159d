import { expect, test } from "bun:test";
import fc from "fast-check";
import type { HistoryResponse } from "../api/schemas.ts";
import {
  barName,
  barsOf,
  byteTicks,
  chartTotalsOf,
  columnsOf,
  formatByteTick,
  RANGES,
  timeLabels,
} from "./chart-data.ts";

const NO_REQUESTS = {
  requests: 0,
  hits: 0,
  misses: 0,
  joined: 0,
  absent: 0,
  failed: 0,
  refused: 0,
  bytes_sent: 0,
  bytes_saved: 0,
  bytes_fetched: 0,
};
const history: HistoryResponse = {
  resolution: "minute",
  points: [
    { ...NO_REQUESTS, at: "2026-11-27T12:00:00.000Z" },
    {
      ...NO_REQUESTS,
      at: "2026-11-27T12:01:00.000Z",
      requests: 6,
      hits: 2,
      joined: 1,
      misses: 1,
      absent: 2,
      bytes_saved: 30,
    },
    { ...NO_REQUESTS, at: "2026-11-27T12:02:00.000Z", requests: 1, misses: 1, bytes_fetched: 12 },
  ],
};

test("a bucket in which no file was sent has no hit ratio", () => {
  expect(columnsOf(history)).toEqual({
    at: [1795780800, 1795780860, 1795780920],
    saved: [0, 30, 0],
    fetched: [0, 0, 12],
    stacked: [0, 30, 12],
    hitRatio: [null, 75, 0],
  });
});

test("totals cover the whole range", () => {
  expect(chartTotalsOf(history)).toEqual({ saved: 30, fetched: 12, requests: 7, hitRatio: 0.6 });
  expect(chartTotalsOf({ ...history, points: [] })).toEqual({ saved: 0, fetched: 0, requests: 0, hitRatio: null });
});

test("ticks of bytes are few, round, and cover the range", () => {
  expect(byteTicks(0)).toEqual([0]);
  expect(
    byteTicks(10 * 1024 ** 2)
      .map(formatByteTick)
      .join(),
  ).toBe("0\u00a0B,4\u00a0MiB,8\u00a0MiB,12\u00a0MiB");
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (max) => {
      const ticks = byteTicks(max);
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
      expect(ticks.at(-2)).toBeLessThan(max);
    }),
  );
});

test("the time axis shows times, or days if the ticks are days apart", () => {
  const at = new Date(2026, 10, 27, 13, 5).getTime() / 1000;
  expect(timeLabels([at], 3600, "en-GB")).toEqual(["13:05"]);
  expect(timeLabels([at], 86_400, "en-GB")).toEqual(["27 Nov"]);
});

/** A history in which each point has one request more than the one before. */
function series(
  resolution: HistoryResponse["resolution"],
  stepSeconds: number,
  points: number,
  from: Date,
): HistoryResponse {
  const at = (i: number) => new Date(from.getTime() + i * stepSeconds * 1000).toISOString();
  return {
    resolution,
    points: Array.from({ length: points }, (_, i) => ({
      ...NO_REQUESTS,
      at: at(i),
      requests: i,
      hits: 1,
      bytes_saved: 2,
    })),
  };
}

test("each range has few bars, at the same distance, which hold every request", () => {
  for (const [name, step] of [
    ["hour", 60],
    ["day", 3600],
    ["week", 3600],
    ["month", 86_400],
    ["year", 86_400],
  ] as const) {
    const history = series(RANGES[name].resolution, step, RANGES[name].points, new Date("2026-02-01T00:00:00Z"));
    const { points } = barsOf(history, RANGES[name]);
    expect(points.length).toBeLessThanOrEqual(60);
    expect(chartTotalsOf({ ...history, points })).toEqual(chartTotalsOf(history));
  }
});

test("a week's bars begin at midnight, a year's on Mondays", () => {
  const midnight = new Date(2026, 10, 24);
  const week = barsOf(series("hour", 3600, 168, midnight), RANGES.week).points;
  expect(week.map(({ at }) => new Date(at).getHours() % 6)).toEqual(week.map(() => 0));
  expect(week[0]).toMatchObject({ at: midnight.toISOString(), requests: 15, hits: 6, bytes_saved: 12 });
  const year = barsOf(series("day", 86_400, 365, new Date("2025-12-02T00:00:00Z")), RANGES.year).points;
  expect(new Set(year.map(({ at }) => new Date(at).getUTCDay()))).toEqual(new Set([1]));
  expect(year.length).toBe(53);
});

test("bars are named by the point, or by the time that they sum up", () => {
  const at = new Date(2026, 10, 27, 6).getTime() / 1000;
  expect(barName(at, RANGES.hour, "en-GB")).toBe("Fri 27 Nov, 06:00");
  expect(barName(at, RANGES.week, "en-GB")).toBe("Fri 27 Nov, 06:00–12:00");
  expect(barName(at, RANGES.month, "en-GB")).toBe("Fri 27 Nov");
  expect(barName(at, RANGES.year, "en-GB")).toBe("27 Nov – 4 Dec");
  // No language brings another clock back.
  expect(barName(at + 12 * 3600, RANGES.hour, "en-US")).toBe("Fri, Nov 27, 18:00");
});
