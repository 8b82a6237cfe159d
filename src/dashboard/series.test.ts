import { expect, test } from "bun:test";
import fc from "fast-check";
import type { History } from "../api/schemas.ts";
import { axisLabels, byteSteps, columnsOf, formatByteStep, sumsOf } from "./series.ts";

const EMPTY = {
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
const history: History = {
  resolution: "minute",
  points: [
    { ...EMPTY, at: "2026-11-27T12:00:00.000Z" },
    {
      ...EMPTY,
      at: "2026-11-27T12:01:00.000Z",
      requests: 6,
      hits: 2,
      joined: 1,
      misses: 1,
      absent: 2,
      bytes_saved: 30,
    },
    { ...EMPTY, at: "2026-11-27T12:02:00.000Z", requests: 1, misses: 1, bytes_fetched: 12 },
  ],
};

test("columns are what the server counted, a bucket without files has no ratio", () => {
  expect(columnsOf(history)).toEqual({
    at: [1795780800, 1795780860, 1795780920],
    saved: [0, 30, 0],
    fetched: [0, 0, 12],
    both: [0, 30, 12],
    ratio: [null, 75, 0],
  });
});

test("sums are over the whole range", () => {
  expect(sumsOf(history)).toEqual({ saved: 30, fetched: 12, requests: 7, ratio: 0.6 });
  expect(sumsOf({ ...history, points: [] })).toEqual({ saved: 0, fetched: 0, requests: 0, ratio: null });
});

test("steps of bytes are few, round, and reach the most", () => {
  expect(byteSteps(0)).toEqual([0]);
  expect(
    byteSteps(10 * 1024 ** 2)
      .map(formatByteStep)
      .join(),
  ).toBe("0\u00a0B,4\u00a0MiB,8\u00a0MiB,12\u00a0MiB");
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (most) => {
      const steps = byteSteps(most);
      expect(steps.length).toBeLessThanOrEqual(6);
      expect((steps.at(-1) ?? 0) * 2).toBeGreaterThanOrEqual(most);
    }),
  );
});

test("below the axis stand times, and days where the steps are days", () => {
  const at = new Date(2026, 10, 27, 13, 5).getTime() / 1000;
  expect(axisLabels([at], 3600, "en-GB")).toEqual(["13:05"]);
  expect(axisLabels([at], 86_400, "en-GB")).toEqual(["27 Nov"]);
});
