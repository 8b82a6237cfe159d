import { expect, test } from "bun:test";
import { formatBytes, formatElapsed, plural } from "./format.ts";

test("sizes get the unit in which they are short", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [10_240, "10.0 KiB"],
    [1023 * 1024, "1.00 MiB"],
    [12.34 * 1024 ** 2, "12.3 MiB"],
    [123 * 1024 ** 3, "123 GiB"],
    [2 ** 60, "1024 PiB"],
  ] as const) {
    expect(formatBytes(bytes)).toBe(text);
  }
});

test("elapsed times have one or two units", () => {
  for (const [ms, text] of [
    [0, "<1 ms"],
    [999, "999 ms"],
    [999.6, "1.0 s"],
    [9_960, "10 s"],
    [59_499, "59 s"],
    [59_500, "1 min"],
    [245_000, "4 min 5 s"],
    [3_599_999, "1 h"],
    [3 * 86_400_000, "3 d"],
  ] as const) {
    expect(formatElapsed(ms)).toBe(text);
  }
});

test("a count of one takes the singular, other counts the plural", () => {
  expect([plural(1, "file"), plural(1234, "file"), plural(0, "match", "matches")]).toEqual([
    "1 file",
    "1,234 files",
    "0 matches",
  ]);
});
