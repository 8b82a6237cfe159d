import { expect, test } from "bun:test";
import fc from "fast-check";
import { lastModifiedOf, parseHttpDate } from "./http-date.ts";

const NOW = Date.UTC(2026, 5, 1);

test("all three forms of a date are read, as servers write them", () => {
  const at = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const text of [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Sun Nov 06 08:49:37 1994",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "sun, 06 nov 1994 08:49:37 gmt",
    "  Sun, 06 Nov 1994 08:49:37 UTC ",
    "Sun, 06-Nov-1994 08:49:37 GMT",
  ]) {
    expect([text, parseHttpDate(text, NOW)]).toEqual([text, at]);
  }
});

test("two digits of a year mean one that is at most 50 years ahead", () => {
  expect(parseHttpDate("Saturday, 06-Nov-76 08:49:37 GMT", NOW)).toBe(Date.UTC(2076, 10, 6, 8, 49, 37));
  expect(parseHttpDate("Sunday, 06-Nov-77 08:49:37 GMT", NOW)).toBe(Date.UTC(1977, 10, 6, 8, 49, 37));
});

test("what is no date is none: days that do not exist, other zones, bare numbers", () => {
  for (const text of [
    null,
    "",
    "0",
    "-1",
    "1994-11-06T08:49:37Z",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 06 Xxx 1994 08:49:37 GMT",
    `Sun, 06 Nov 1994 08:49:37 GMT${" ".repeat(100)}x`,
  ]) {
    expect([text, parseHttpDate(text, NOW)]).toEqual([text, undefined]);
  }
});

test("every date that is written is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
      expect(parseHttpDate(new Date(seconds * 1000).toUTCString(), NOW)).toBe(seconds * 1000);
    }),
  );
});

test("a Last-Modified after its Date or after now is none", () => {
  const at = (ms: number) => new Date(NOW + ms).toUTCString();
  const fields = (modified: string, date?: string) =>
    new Headers({ "last-modified": modified, ...(date === undefined ? {} : { date }) });
  expect(lastModifiedOf(fields(at(-5000), at(0)), NOW)).toBe(NOW - 5000);
  expect(lastModifiedOf(fields(at(-5000)), NOW)).toBe(NOW - 5000);
  for (const [modified, date] of [
    [at(1000), at(0)],
    [at(1000), at(5000)],
    [at(-1000), at(-2000)],
    ["Thu, 01 Jan 1960 00:00:00 GMT", at(0)],
  ] as const) {
    expect([modified, date, lastModifiedOf(fields(modified, date), NOW)]).toEqual([modified, date, undefined]);
  }
});
