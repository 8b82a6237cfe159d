import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

test("sizes are read with binary and decimal units", () => {
  for (const [text, bytes] of [
    ["0", 0],
    ["4096", 4096],
    ["1B", 1],
    ["64KiB", 65_536],
    ["64MiB", 67_108_864],
    ["10GiB", 10_737_418_240],
    ["1 TiB", 1_099_511_627_776],
    ["1KB", 1000],
    ["1.5MB", 1_500_000],
    ["50gib", 53_687_091_200],
    ["50G", 53_687_091_200],
    ["500M", 524_288_000],
    ["64 k", 65_536],
    ["1.5T", 1_649_267_441_664],
  ] as const) {
    expect([text, parseSize(text)]).toEqual([text, bytes]);
  }
});

test("text that is no size is rejected", () => {
  for (const text of [
    "",
    "GiB",
    "10 Gi",
    "10 gigs",
    "1P",
    "-1",
    "1e3",
    "10GiB/s",
    "0x10",
    "10s",
    "9999999TiB",
    "constructor",
  ]) {
    expect([text, parseSize(text)]).toEqual([text, undefined]);
  }
});

test("durations need a unit, except zero, and units may be words", () => {
  for (const [text, ms] of [
    ["0", 0],
    ["500ms", 500],
    ["90s", 90_000],
    ["10m", 600_000],
    ["12h", 43_200_000],
    ["180d", 15_552_000_000],
    ["1.5h", 5_400_000],
    ["20 seconds", 20_000],
    ["1 minute", 60_000],
    ["5 min", 300_000],
    ["2w", 1_209_600_000],
    ["6 months", 15_552_000_000],
    ["1 Year", 31_536_000_000],
  ] as const) {
    expect([text, parseDuration(text)]).toEqual([text, ms]);
  }
});

test("text that is no duration is rejected", () => {
  for (const text of [
    "",
    "90",
    "s",
    "-5s",
    "6M",
    "1M2",
    "2 fortnights",
    "20 seconds ago",
    "constructor",
    "5GiB",
    "1h30m",
  ]) {
    expect([text, parseDuration(text)]).toEqual([text, undefined]);
  }
});

test("printed quantities read back unchanged", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (quantity) => {
      expect(parseSize(formatSize(quantity))).toBe(quantity);
      expect(parseDuration(formatDuration(quantity))).toBe(quantity);
    }),
  );
});

test("round quantities are printed short", () => {
  expect([0, 53_687_091_200, 10_000_000_000, 67_108_864, 1001].map(formatSize)).toEqual([
    "0",
    "50GiB",
    "10GB",
    "64MiB",
    "1001B",
  ]);
  expect([0, 90_000, 43_200_000, 2_592_000_000, 500].map(formatDuration)).toEqual(["0", "90s", "12h", "30d", "500ms"]);
});
