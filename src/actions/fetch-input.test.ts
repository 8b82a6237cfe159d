import { expect, test } from "bun:test";
import fc from "fast-check";
import { EMERGE_PRETEND_FETCHONLY } from "../testing/emerge-output.ts";
import { namesInUris, parseFetchInput } from "./fetch-input.ts";

test("of emerge's output the lines of URIs count, the mirror's first", () => {
  expect(parseFetchInput(EMERGE_PRETEND_FETCHONLY)).toEqual([
    "https://distfiles.gentoo.org/distfiles/5a/one-1.tar.gz https://example.org/x/v1.tar.gz",
    "https://distfiles.gentoo.org/distfiles/7a/two-1.patch https://example.org/two-1.patch",
    "https://example.org/x/v7.tar.gz",
    "https://mirror.example.org/a/plain.zip https://mirror.example.org/b/plain.zip",
  ]);
});

test("of many mirrors' URIs for one file the first is enough", () => {
  const line = "http://a/distfiles/1b/x.tar http://b/distfiles/1b/x.tar http://c/distfiles/x.tar ftp://d/y.tar";
  expect(parseFetchInput(`${line}\n`)).toEqual(["http://a/distfiles/1b/x.tar ftp://d/y.tar"]);
});

test("in any other text each word is a name, once", () => {
  expect(parseFetchInput("a.tar\n\n b.zip  c%2Fd\r\na.tar\n")).toEqual(["a.tar", "b.zip", "c%2Fd"]);
  expect(parseFetchInput("")).toEqual([]);
});

test("names are the last parts of the paths, decoded, without queries", () => {
  expect(
    namesInUris("http://h/d/5a/a%2Bb.tar?x=1 http://h/v1.tar#f http://h/ http://h/%zz http://h/d/a+b.tar"),
  ).toEqual(["a+b.tar", "v1.tar", "%zz"]);
});

test("no text throws", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom(" ", "\n", "http://", "/distfiles/", "%"))), (parts) => {
      for (const item of parseFetchInput(parts.join(""))) namesInUris(item);
    }),
  );
});
