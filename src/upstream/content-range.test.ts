import { expect, test } from "bun:test";
import { SourceError } from "../distfile/errors.ts";
import { contentLength, parseContentRange, type Range, rangeHeader, responseRange } from "./content-range.ts";

test("a Content-Range is accepted only if it is consistent", () => {
  expect(parseContentRange("bytes 5-9/10")).toEqual({ first: 5, last: 9, total: 10 });
  expect(parseContentRange("bytes 5-9/*")).toEqual({ first: 5, last: 9, total: undefined });
  for (const text of ["5-9/10", "bytes: 5-9/10", "bytes=5-9/10", "Bytes  5-9/10"]) {
    expect([text, parseContentRange(text)]).toEqual([text, { first: 5, last: 9, total: 10 }]);
  }
  for (const text of [null, "", "bytes 5-9/9", "bytes 9-5/10", "bytes */10", "items 1-2/3", "bytes 1-2/3, 4-5/6"]) {
    expect(parseContentRange(text)).toBeUndefined();
  }
});

test("the Range header requests what is missing", () => {
  const rows: [Range, string | undefined][] = [
    [{ offset: 0 }, undefined],
    [{ offset: 5 }, "bytes=5-"],
    [{ offset: 0, end: 10 }, "bytes=0-9"],
    [{ offset: 5, end: 10 }, "bytes=5-9"],
  ];
  for (const [range, header] of rows) expect(rangeHeader(range)).toBe(header);
});

function outcomeOf(status: number, headers: Record<string, string>, request: Range & { size?: number }): unknown {
  try {
    return responseRange(status, new Headers(headers), request);
  } catch (error) {
    return error instanceof SourceError ? error.kind : error;
  }
}

test("a length is the number that the field begins with, as wget reads it", () => {
  for (const [text, length] of [
    ["+10", 10],
    ["0010", 10],
    ["10 bytes", 10],
    ["10;", 10],
    ["-10", undefined],
    ["", undefined],
    ["99999999999999999999", undefined],
  ] as const) {
    expect([text, contentLength(new Headers({ "content-length": text }))]).toEqual([text, length]);
  }
});

test("where a hash decides, a body of the right length is taken under every status under which wget takes it", () => {
  const whole = { "content-length": "10" };
  const taken = [201, 202, 206, 207, 226, 299, 300];
  for (const status of taken)
    expect([status, outcomeOf(status, whole, { offset: 0, size: 10 })]).toEqual([status, { offset: 0, total: 10 }]);
  expect(outcomeOf(206, { ...whole, "content-range": "bytes 0-9/*" }, { offset: 0, size: 10 })).toEqual({
    offset: 0,
    total: 10,
  });
  for (const [status, headers, request] of [
    [201, whole, { offset: 0 }],
    [202, { "content-length": "9" }, { offset: 0, size: 10 }],
    [202, {}, { offset: 0, size: 10 }],
    [204, whole, { offset: 0, size: 10 }],
    [404, whole, { offset: 0, size: 10 }],
    [206, whole, { offset: 5, size: 10 }],
  ] as const) {
    expect([status, outcomeOf(status, headers, request)]).toEqual([
      status,
      expect.stringMatching(/^(bad|failed|absent)$/),
    ]);
  }
});

test("a response is accepted only if it is the file, or the very range that was requested", () => {
  const rest: Range = { offset: 5 };
  const rows: [number, Record<string, string>, Range, unknown][] = [
    [200, { "content-length": "10" }, { offset: 0 }, { offset: 0, total: 10 }],
    [200, { "content-length": "10, 10" }, { offset: 0 }, { offset: 0, total: 10 }],
    [200, { "content-length": "10, 11" }, { offset: 0 }, { offset: 0, total: undefined }],
    [200, {}, rest, { offset: 0, total: undefined }],
    [206, { "content-range": "bytes 5-9/10" }, rest, { offset: 5, total: 10 }],
    [206, { "content-range": "bytes 5-7/10", "content-length": "3" }, { offset: 5, end: 8 }, { offset: 5, total: 10 }],
    [206, { "content-range": "bytes 4-9/10" }, rest, "bad"],
    [206, { "content-range": "bytes 5-8/10" }, rest, "bad"],
    [206, { "content-range": "bytes 5-9/10", "content-length": "4" }, rest, "bad"],
    [206, {}, rest, "bad"],
    [203, { "content-length": "10" }, { offset: 0 }, { offset: 0, total: 10 }],
    [206, { "content-range": "bytes 0-9/10" }, { offset: 0 }, { offset: 0, total: 10 }],
    [206, { "content-range": "bytes 0-9/10", "content-length": "9" }, { offset: 0 }, "bad"],
    [206, { "content-range": "bytes 0-8/10" }, { offset: 0 }, "failed"],
    [206, { "content-range": "bytes 0-9/*" }, { offset: 0 }, "failed"],
    [206, {}, { offset: 0 }, "failed"],
    [404, {}, rest, "absent"],
    [410, {}, rest, "absent"],
    [416, {}, rest, "bad"],
    [416, {}, { offset: 0, end: 5 }, "failed"],
    [503, {}, rest, "failed"],
  ];
  for (const [status, headers, request, expected] of rows) {
    expect([status, headers, outcomeOf(status, headers, request)]).toEqual([status, headers, expected]);
  }
});
