import { expect, test } from "bun:test";
import type { MirrorPath } from "../../distfile/mirror-path.ts";
import {
  ageMs,
  freshnessOf,
  lifetimeMs,
  mayBeStale,
  parseCacheControl,
  requestDirectives,
  type StoredResponse,
  secondsMs,
} from "./freshness.ts";
import { freshenedBy, isStorable, metadataOf, modifiedAt } from "./http-metadata.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 7, 22, 12);
const UNDATED = "snapshots/gentoo-latest.tar.xz";
const DATED = "snapshots/gentoo-20260821.tar.xz";

/** What would be stored after a response with these fields, that came just now. */
function response(path: string, fields: Record<string, string>, ageBefore = 0): StoredResponse {
  const headers = new Headers({ date: new Date(NOW).toUTCString(), ...fields });
  return { name: path as MirrorPath, metadata: metadataOf(headers, NOW - ageBefore, NOW) };
}

const before = (ms: number) => new Date(NOW - ms).toUTCString();

test("the lifetime of a response follows RFC 9111, 4.2.1, and the name where the mirror says nothing", () => {
  const rows: [string, Record<string, string>, number][] = [
    [UNDATED, { "cache-control": "max-age=60" }, 60_000],
    [UNDATED, { "cache-control": "max-age=60, s-maxage=10" }, 10_000],
    [UNDATED, { "cache-control": "MAX-AGE=60, max-age=70" }, 60_000],
    [UNDATED, { "cache-control": 'max-age="60"' }, 60_000],
    [UNDATED, { "cache-control": "max-age=soon", expires: before(-HOUR) }, 0],
    // No mirror makes a file fresh for ever: it may be wrong.
    [UNDATED, { "cache-control": "max-age=99999999999" }, 6 * HOUR],
    [UNDATED, { "cache-control": "s-maxage=99999999999" }, 6 * HOUR],
    [UNDATED, { expires: before(-4000 * DAY) }, 6 * HOUR],
    [DATED, { "cache-control": "max-age=99999999999" }, 7 * DAY],
    [DATED, { expires: before(-4000 * DAY) }, 7 * DAY],
    [UNDATED, { "last-modified": before(-DAY) }, 60_000],
    [UNDATED, { expires: before(-HOUR) }, HOUR],
    [UNDATED, { expires: before(HOUR) }, 0],
    [UNDATED, { expires: "0" }, 0],
    // No HTTP dates, though Date.parse() takes them.
    [UNDATED, { expires: "9999" }, 0],
    [UNDATED, { expires: "2050-01-01" }, 0],
    [UNDATED, { "cache-control": "max-age=60x" }, 0],
    [UNDATED, { "cache-control": "max-age=60, proxy-revalidate" }, 60_000],
    [UNDATED, { "cache-control": 'ext="a, max-age=999", max-age=5' }, 5_000],
    [UNDATED, { "last-modified": before(DAY) }, 5 * 60_000],
    [UNDATED, { "last-modified": before(10 * 60_000) }, 60_000],
    [UNDATED, { "last-modified": before(0) }, 10_000],
    [UNDATED, {}, 60_000],
    [UNDATED, { "last-modified": "yesterday" }, 60_000],
    [DATED, { "last-modified": before(DAY) }, 2.4 * HOUR],
    [DATED, { "last-modified": before(HOUR) }, HOUR],
    [DATED, { "last-modified": before(400 * DAY) }, 7 * DAY],
    [DATED, {}, HOUR],
    [DATED, { "cache-control": "max-age=0" }, 0],
    ["releases/amd64/autobuilds/20260816T170000Z/x.tar.xz", {}, HOUR],
    ["releases/amd64/autobuilds/latest-stage3-amd64-openrc.txt", { "last-modified": before(DAY) }, 5 * 60_000],
    ["releases/amd64/binpackages/23.0/x86-64/Packages", { "last-modified": before(DAY) }, 5 * 60_000],
    // No dates: a month of 13, more digits than a date has.
    ["releases/x-20261301.tar", {}, 60_000],
    ["releases/x-1202608210.tar", {}, 60_000],
  ];
  for (const [path, fields, expected] of rows) {
    expect([path, fields, lifetimeMs(response(path, fields))]).toEqual([path, fields, expected]);
  }
});

const ageOf = ({ metadata }: StoredResponse, now: number) => ageMs(metadata, now);

test("the age of a response is the greatest of those by Date, by Age and by the time since it came (RFC 9111, 4.2.3)", () => {
  expect(ageOf(response(UNDATED, {}), NOW + 5000)).toBe(5000);
  expect(ageOf(response(UNDATED, { age: "60" }), NOW)).toBe(60_000);
  expect(ageOf(response(UNDATED, { age: "60" }, 3000), NOW)).toBe(63_000);
  expect(ageOf(response(UNDATED, { date: before(90_000), age: "60" }), NOW + 1000)).toBe(91_000);
  expect(ageOf(response(UNDATED, { age: "young" }), NOW)).toBe(0);
  // A clock set back makes nothing younger.
  expect(ageOf(response(UNDATED, { age: "60" }), NOW - DAY)).toBe(60_000);
});

test("a response is fresh or stale by its own Cache-Control and by that of the request", () => {
  const ask = (control: string, request: string, afterMs: number) =>
    freshnessOf(response(UNDATED, { "cache-control": control }), parseCacheControl(request), NOW + afterMs);
  const rows: [string, string, number, string][] = [
    ["max-age=60", "", 59_000, "fresh"],
    ["max-age=60", "", 60_000, "stale"],
    ["max-age=60, no-cache", "", 0, "stale"],
    ["max-age=60", "no-cache", 0, "request"],
    ["max-age=60", "max-age=0", 0, "request"],
    ["max-age=60", "max-age=30", 29_000, "fresh"],
    ["max-age=60", "max-age=30", 30_000, "request"],
    ["max-age=60", "min-fresh=30", 30_000, "fresh"],
    ["max-age=60", "min-fresh=30", 31_000, "request"],
    ["max-age=60", "max-stale", 61_000, "fresh"],
    ["max-age=60", "max-stale=10", 70_000, "fresh"],
    ["max-age=60", "max-stale=10", 71_000, "stale"],
    ["max-age=60, must-revalidate", "max-stale", 61_000, "stale"],
    ["max-age=60, s-maxage=60", "max-stale", 61_000, "stale"],
    ["max-age=60", "MAX-AGE=0", 0, "request"],
    ["max-age=60, no-cache", "max-stale", 0, "stale"],
    ["max-age=60", "max-stale, no-cache", 61_000, "stale"],
  ];
  for (const [control, request, afterMs, expected] of rows) {
    expect([control, request, afterMs, ask(control, request, afterMs)]).toEqual([control, request, afterMs, expected]);
  }
  const { name, metadata } = response(UNDATED, { "cache-control": "max-age=60" });
  const outdated = { name, metadata: { ...metadata, outdated: true } };
  expect(freshnessOf(outdated, parseCacheControl("max-stale"), NOW)).toBe("stale");
});

test("Cache-Control decides whether a stale response may be used and whether a response may be stored", () => {
  const stale = (cacheControl: string) => mayBeStale({ cacheControl });
  expect(["", "max-age=1", "public"].map(stale)).toEqual([true, true, true]);
  expect(["must-revalidate", "proxy-revalidate", "s-maxage=5", "no-cache"].map(stale)).toEqual(Array(4).fill(false));
  const storable = (fields: Record<string, string>) => isStorable(new Headers(fields));
  expect([{}, { "cache-control": "no-cache" }, { vary: "User-Agent, Accept-Encoding" }].map(storable)).toEqual([
    true,
    true,
    true,
  ]);
  expect(
    [
      { "cache-control": "no-store" },
      { "cache-control": 'private="x", max-age=5' },
      { vary: "Accept-Encoding, *" },
    ].map(storable),
  ).toEqual([false, false, false]);
});

test("a 304 without freshness fields leaves the earlier ones in force", () => {
  const kept = { etag: '"a"', lastModified: before(DAY), cacheControl: "max-age=5", expiresAt: 7 };
  const row = { ...kept, dateAt: NOW - HOUR, answeredAt: NOW - HOUR, initialAgeMs: 1, outdated: true };
  const silent = freshenedBy(new Headers({ date: before(0) }), row, NOW, NOW);
  expect(silent).toMatchObject({ ...kept, answeredAt: NOW, dateAt: NOW, initialAgeMs: 0, outdated: false });
  const telling = { "cache-control": "max-age=9", etag: '"b"', expires: before(-HOUR) };
  expect(freshenedBy(new Headers(telling), row, NOW, NOW)).toMatchObject({
    etag: '"b"',
    lastModified: row.lastModified,
    cacheControl: "max-age=9",
    expiresAt: NOW + HOUR,
  });
});

test("a Last-Modified later than its response or than our clock is no validator, nor one that was kept before", () => {
  const table: readonly (readonly [Record<string, string>, string | null])[] = [
    [{ "last-modified": before(DAY) }, before(DAY)],
    [{ "last-modified": before(0) }, before(0)],
    [{ "last-modified": before(-1000) }, null],
    // The mirror's clock is a week ahead.
    [{ date: before(-7 * DAY), "last-modified": before(-7 * DAY) }, null],
    [{ date: before(-7 * DAY), "last-modified": before(DAY) }, before(DAY)],
    [{ date: before(2 * DAY), "last-modified": before(DAY) }, null],
    [{ "last-modified": "soon" }, null],
  ];
  for (const [fields, expected] of table) {
    const { metadata } = response(UNDATED, fields);
    expect([fields, metadata.lastModified]).toEqual([fields, expected]);
  }
  const row = { ...metadataOf(new Headers(), NOW, NOW), lastModified: before(-DAY) };
  expect(modifiedAt(row)).toBeUndefined();
  expect(freshenedBy(new Headers(), row, NOW, NOW + DAY).lastModified).toBeNull();
});

test("an age or a date beyond all numbers is one that the index can take", () => {
  const wild = {
    age: "9".repeat(400),
    expires: "Fri, 31 Dec 9999 23:59:59 GMT",
    date: "Fri, 31 Dec 9999 23:59:59 GMT",
  };
  const { initialAgeMs, expiresAt, dateAt } = response(UNDATED, wild).metadata;
  for (const value of [initialAgeMs, expiresAt, dateAt]) expect(Number.isSafeInteger(value)).toBe(true);
  expect(freshnessOf(response(UNDATED, { age: wild.age }), new Map(), NOW)).toBe("stale");
});

test("Cache-Control is read as it stands in the wild, and Pragma where it is not there", () => {
  expect([...parseCacheControl('Private="a, b", max-age = 5 ,, no-store;x, x="a\\"b"')]).toEqual([
    ["private", "a, b"],
    ["max-age", "5"],
    ["no-store", ""],
    ["x", ""],
  ]);
  expect(secondsMs(parseCacheControl("max-age=-1"), "max-age")).toBe(0);
  expect(secondsMs(parseCacheControl("public"), "max-age")).toBeUndefined();
  expect([...requestDirectives(new Headers({ pragma: "no-cache" }))]).toEqual([["no-cache", ""]]);
  expect([...requestDirectives(new Headers({ pragma: "no-cache", "cache-control": "max-age=5" }))]).toEqual([
    ["max-age", "5"],
  ]);
});
