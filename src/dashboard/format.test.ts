import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatName,
  formatPercent,
  formatSpeed,
  plural,
} from "./format.ts";

/** Replaces non-breaking spaces by plain ones. */
const plain = (text: string) => text.replaceAll("\u00a0", " ");

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "0.98 KiB"],
  [1024, "1.00 KiB"],
  [1_303_400, "1.24 MiB"],
  [12.5 * 1024 ** 2, "12.5 MiB"],
  [1023.9 * 1024 ** 2, "1.00 GiB"],
  [50 * 1024 ** 3, "50.0 GiB"],
  [5000 * 1024 ** 5, "5000 PiB"],
])("%d bytes are %s", (bytes, text) => expect(plain(formatBytes(bytes))).toBe(text));

test("a name on the page hides no character", () => {
  expect(formatName("a\u202egpj.exe\u200b")).toBe("a\\u{202e}gpj.exe\\u{200b}");
  expect(formatName("größe-1.tar.xz")).toBe("größe-1.tar.xz");
});

test("no size below the largest unit has more than three digits", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (bytes) => {
      expect(plain(formatBytes(bytes))).toMatch(/^(\d{1,3}|\d\.\d\d|\d\d\.\d) (B|[KMGTP]iB)$/);
    }),
  );
});

test.each([
  [null, "–"],
  [0, "0%"],
  [0.0004, "<0.1%"],
  [0.031, "3.1%"],
  [0.874, "87%"],
  [0.9996, ">99.9%"],
  [0.994, "99.4%"],
  [1, "100%"],
])("a ratio of %p is %s", (ratio, text) => expect(plain(formatPercent(ratio))).toBe(text));

test.each([
  [0, "0 s"],
  [8_400, "8 s"],
  [125_000, "2 min 5 s"],
  [7_200_000, "2 h"],
  [(3 * 24 + 4) * 3_600_000, "3 d 4 h"],
  [-5, "0 s"],
])("%d ms are %s", (milliseconds, text) => expect(plain(formatDuration(milliseconds))).toBe(text));

test.each([
  [0, "just now"],
  [59_999, "59 s ago"],
  [61_000, "1 min ago"],
  [5 * 3_600_000, "5 h ago"],
  [49 * 3_600_000, "2 d ago"],
  [-120_000, "in 2 min"],
])("a time %d ms ago is %s", (passed, text) => {
  const now = Date.parse("2026-11-27T12:00:00Z");
  expect(plain(formatAgo(new Date(now - passed).toISOString(), now))).toBe(text);
});

test("counts, speeds, milliseconds and plurals", () => {
  expect(plain(formatCount(19_204_000))).toBe("19,204,000");
  expect(plain(formatSpeed(null))).toBe("–");
  expect(plain(formatSpeed(2048))).toBe("2.00 KiB/s");
  expect([0.2, 45.4, 1250, 12_500, null].map(formatMilliseconds).map(plain)).toEqual([
    "<1 ms",
    "45 ms",
    "1.3 s",
    "13 s",
    "–",
  ]);
  expect([plural(1, "file"), plural(2000, "file"), plural(2, "entry", "entries")].map(plain)).toEqual([
    "1 file",
    "2,000 files",
    "2 entries",
  ]);
});
