import { expect, test } from "bun:test";
import fc from "fast-check";
import type { HistoryResponse } from "../api/schemas.ts";
import { byteTicks, chartTotalsOf, columnsOf, formatByteTick, timeLabels } from "./chart-data.ts";

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
      expect((ticks.at(-1) ?? 0) * 2).toBeGreaterThanOrEqual(max);
    }),
  );
});

test("the time axis shows times, or days if the ticks are days apart", () => {
  const at = new Date(2026, 10, 27, 13, 5).getTime() / 1000;
  expect(timeLabels([at], 3600, "en-GB")).toEqual(["13:05"]);
  expect(timeLabels([at], 86_400, "en-GB")).toEqual(["27 Nov"]);
});
