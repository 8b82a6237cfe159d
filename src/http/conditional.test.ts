import { expect, test } from "bun:test";
import { isNotModified, isPreconditionFailed, rangeApplies } from "./conditional.ts";

const at = Date.parse("Tue, 15 Nov 1994 12:45:26 GMT");
const file = { etag: '"abc"', lastModifiedAt: at + 500 };
const same = "Tue, 15 Nov 1994 12:45:26 GMT";
const older = "Tue, 15 Nov 1994 12:45:25 GMT";
const newer = "Tue, 15 Nov 1994 12:45:27 GMT";

test("If-None-Match decides alone, by weak comparison", () => {
  const rows: [Record<string, string>, boolean][] = [
    [{}, false],
    [{ "if-none-match": '"abc"' }, true],
    [{ "if-none-match": '"x", W/"abc"' }, true],
    [{ "if-none-match": "*" }, true],
    [{ "if-none-match": '"x"' }, false],
    [{ "if-none-match": '"x"', "if-modified-since": newer }, false],
    [{ "if-modified-since": same }, true],
    [{ "if-modified-since": newer }, true],
    [{ "if-modified-since": older }, false],
    [{ "if-modified-since": "yesterday" }, false],
  ];
  for (const [headers, expected] of rows)
    expect([headers, isNotModified(new Headers(headers), file)]).toEqual([headers, expected]);
  expect(isNotModified(new Headers({ "if-none-match": '"abc"' }), { etag: undefined, lastModifiedAt: at })).toBe(false);
});

test("If-Range holds for exactly this file, by strong comparison", () => {
  const rows: [string | undefined, boolean][] = [
    [undefined, true],
    ['"abc"', true],
    ['W/"abc"', false],
    ['"abd"', false],
    [same, true],
    [older, false],
    [newer, false],
    ["nonsense", false],
  ];
  for (const [value, expected] of rows) {
    const headers = new Headers(value === undefined ? {} : { "if-range": value });
    expect([value, rangeApplies(headers, file)]).toEqual([value, expected]);
  }
});

test("If-Match and If-Unmodified-Since fail for another file", () => {
  const rows: [Record<string, string>, boolean][] = [
    [{}, false],
    [{ "if-match": '"abc"' }, false],
    [{ "if-match": "*" }, false],
    [{ "if-match": 'W/"abc"' }, true],
    [{ "if-match": '"x"' }, true],
    [{ "if-unmodified-since": same }, false],
    [{ "if-unmodified-since": older }, true],
  ];
  for (const [headers, expected] of rows) {
    expect([headers, isPreconditionFailed(new Headers(headers), file)]).toEqual([headers, expected]);
  }
});
