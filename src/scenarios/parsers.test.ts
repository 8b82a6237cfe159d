/**
 * Feeds every parser of other people's text with texts made of its own words: none throws, and none takes more than linear time. A
 * text is short enough, and the time generous enough, that only quadratic work is too slow.
 */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { namesInUris, parseFetchInput } from "../actions/fetch-input.ts";
import { parseCacheControl } from "../cache/mirror-files/freshness.ts";
import { isStorable, metadataOf } from "../cache/mirror-files/http-metadata.ts";
import { readToml } from "../config/toml.ts";
import { digestIn } from "../distfile/digest-file.ts";
import { parseLayout, parseLayoutConf } from "../distfile/layout.ts";
import { type MirrorPath, parseMirrorPath, stemOf } from "../distfile/mirror-path.ts";
import { isNotModified, isPreconditionFailed, rangeApplies } from "../http/conditional.ts";
import { selectRange } from "../http/ranges.ts";
import { normalPath, parseTarget, queryOf } from "../http/target.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { parseHttpDate } from "../lib/http-date.ts";
import { shown, unwrapped, visible } from "../lib/text.ts";
import { maskCredentials } from "../lib/url.ts";
import { readEapi, splitPf } from "../repos/formats/ebuild-eapi.ts";
import { parseManifest } from "../repos/formats/manifest.ts";
import { parseEclasses, parseMd5Cache } from "../repos/formats/md5-cache.ts";
import { parseRepoLayout } from "../repos/formats/repo-layout.ts";
import { parseReposConf } from "../repos/formats/repos-conf.ts";
import { parseRestrict, parseSrcUri } from "../repos/formats/src-uri.ts";
import { atMirror, parseMirrorLists, splitMirrorUri, stackedUrls } from "../repos/formats/third-party-mirrors.ts";
import { startProcessorTime } from "../testing/processor-time.ts";
import { contentLength, parseContentRange } from "../upstream/content-range.ts";
import { retryAfterMs } from "../upstream/host-gate.ts";
import { createLoopGuard } from "../upstream/loop-guard.ts";
import { createCookieJar, resolveReference } from "../upstream/redirect.ts";
import { parseChunkSize, parseResponseHead } from "../upstream/response-head.ts";

interface Parser {
  readonly parse: (text: string) => unknown;
  /** Words of the format, of which texts are made. */
  readonly words: readonly string[];
  /** The most characters that it is given, where something before it bounds them. */
  readonly limit?: number;
}

const HEX = "0123456789abcdef".repeat(8);
const VALIDATORS = { etag: '"a"', lastModifiedAt: 0 };
const BASE = new URL("http://host/folder/file");
/** What the platform takes from the network; a client's fields have so many together. */
const HEADER_BYTES = 16 * 1024;

/** As `Headers`, which refuses what no request can have, with one value for all fields. */
function headersOf(value: string): Headers {
  return Object.assign(new Headers(), { get: () => value, getSetCookie: () => [value] });
}

/** A parser of a header field. */
const ofField = (words: readonly string[], parse: (headers: Headers, text: string) => unknown): Parser => ({
  parse: (text) => parse(headersOf(text), text),
  words: [...words, " ", ",", ";", '"', "\t", "=", "0", "a"],
  limit: HEADER_BYTES,
});

const LINES = ["\n", "\r\n", " ", "\t", "#", ";", "=", ":", "[", "]", "a", "0", "\\", '"', "'", "\u2028", "\0"];

const PARSERS: Readonly<Record<string, Parser>> = {
  "layout.conf": {
    parse: (text) => [parseLayoutConf(text), parseLayout(text)],
    words: [...LINES, "[structure]", "0=", "1=flat", "filename-hash BLAKE2B 8", ":8", "\ufeff"],
  },
  Manifest: {
    parse: parseManifest,
    words: [...LINES, "DIST ", "DIST a 1 ", "BLAKE2B ", "SHA512 ", HEX, "DIST a 0 0 0\n", "DIST", " 0 0", "/"],
  },
  "md5-cache": {
    parse: (text) => [parseMd5Cache(text), parseEclasses(text)],
    words: [...LINES, "SRC_URI=", "_md5_=", "_eclasses_=", HEX.slice(0, 32), "EAPI=8"],
  },
  SRC_URI: {
    parse: (text) => ["0", "2", "8", "x"].map((eapi) => [parseSrcUri(text, eapi), parseRestrict(text)]),
    words: [" ", "(", ")", "a?", "!a?", "->", "http://h/a", "mirror://a/b", "fetch+", "||", "a", "/", "a.", "mirror "],
  },
  "repos.conf": {
    parse: (text) => parseReposConf([{ source: "a", text }]),
    words: [
      ...LINES,
      "[DEFAULT]",
      "\n[a]\n",
      "main-repo = a",
      "location",
      "%(",
      ")s",
      "%(a)s",
      "%%",
      "\na = %(b)s%(b)s",
    ],
  },
  thirdpartymirrors: {
    parse: (text) => stackedUrls([parseMirrorLists(text), parseMirrorLists(text)], "a"),
    words: [...LINES, "a http://h", "\nb ", " -*", " -http://h", " http://a", "/"],
  },
  "mirror:// URI": {
    parse: (text) => [splitMirrorUri(text), atMirror(text, text)],
    words: ["mirror://", "a", "/", "."],
  },
  "layout.conf of a repository": { parse: parseRepoLayout, words: [...LINES, "masters", "aliases = a"] },
  ebuild: {
    parse: (text) => [readEapi(text), splitPf(text)],
    words: [...LINES, "EAPI=", "a-1", "-r1", "_p1", "1.", "-", "a"],
  },
  "digest file": { parse: (text) => digestIn(text, "a"), words: [...LINES, HEX, "# BLAKE2B HASH", "  a", "*a"] },
  Range: ofField(["bytes", "-", "bytes=0-", "1"], (_, text) => selectRange(text, 10)),
  conditionals: ofField(["W/", '"a"', "*", "Thu, 01 Jan 1970 00:00:00 GMT"], (headers) => [
    isNotModified(headers, VALIDATORS),
    isPreconditionFailed(headers, VALIDATORS),
    rangeApplies(headers, VALIDATORS),
  ]),
  "Cache-Control": ofField(["max-age", "no-cache", "\\", "s-maxage=9", '="'], (headers, text) => [
    parseCacheControl(text),
    isStorable(headers),
    metadataOf(headers, 0, 0),
  ]),
  dates: ofField(["Thu, ", "01 Jan ", "1970 ", "00:00:00", " GMT", "-"], (headers, text) => [
    parseHttpDate(text, 0),
    retryAfterMs({ status: 503, headers }, 0),
  ]),
  "Content-Range": ofField(["bytes ", "0-9/", "10", "*", "-"], (headers, text) => [
    parseContentRange(text),
    contentLength(headers),
  ]),
  "Via and CDN-Loop": ofField(["portcache-a", "1.1 ", "(x)"], (headers) => {
    const guard = createLoopGuard("portcache-1");
    return [guard.isLoop(headers), guard.headersFor(headers)];
  }),
  "Location and Set-Cookie": ofField(
    ["http://", "/", "%", "..", "a=b", "; path=/", "; domain=host", "\\"],
    (headers, text) => {
      const jar = createCookieJar();
      jar.store(BASE, headers);
      return [jar.headerFor(BASE), resolveReference(text, BASE)];
    },
  ),
  "head of a response, size of a chunk": {
    parse(text) {
      // One character per byte.
      const lines = Buffer.from(text).toString("latin1").split("\n");
      return [parseResponseHead(lines), parseResponseHead(["HTTP/1.1 200 OK", ...lines]), lines.map(parseChunkSize)];
    },
    words: ["HTTP/1.1 200 OK\n", "A: b\n", "\n ", "\t", ":", " ", "\0", "\r", "0", "0x", ";", "a"],
  },
  "path of a request": {
    parse: (text) => {
      const path = normalPath(`http://h/distfiles/${text}`);
      return [parseTarget(path), parseMirrorPath(`/snapshots/${text}`), [...queryOf(`/${text}`)]];
    },
    words: ["/", "//", "%2F", "%", "?", "#", "..", "a", "&a=", HEX, "layout.conf", "\0", "\ud800"],
    limit: HEADER_BYTES,
  },
  "path of a mirror file": {
    parse: (text) => stemOf(text as MirrorPath),
    words: ["a", "/", ".sig", ".md5sum"],
    limit: 1024,
  },
  "output of emerge": {
    parse: (text) => parseFetchInput(text).map(namesInUris),
    words: [...LINES, "http://h/a", "https://m/distfiles/ab/c", " ", "ftp://", "?", "%", "%41"],
  },
  "URLs with credentials": { parse: maskCredentials, words: ["http://", ":", "@", "/", "a", "a.", "\\", "?", " "] },
  "text to show": {
    parse: (text) => [shown(text), visible(text.slice(0, HEADER_BYTES)), unwrapped(text)],
    words: [...LINES, "\u202e", "\u200b", "\ud800", "é"],
  },
  "messages of errors": {
    parse: (text) => reasonOf(new Error(text)),
    words: ["ENOENT: ", ", open '", "'", ", a", ' fetching "', '"', "For more information, pass ", "\n", "a"],
  },
};

const TOML = ["[a]", "[server]", "port", " = ", "1", '"', "'''", "[[", "]]", "{", "}", ",", "\n", "#", ".", "-", "nan"];

const CONFIGURATION: Parser = { parse: (text) => readToml("a", text, []), words: TOML };

const RUNS = { numRuns: 500 };

const textOf = (words: readonly string[]) =>
  fc
    .array(
      fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...words) },
        { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
      ),
      {
        maxLength: 60,
      },
    )
    .map((parts) => parts.join(""));

test.each(Object.entries(PARSERS))("%s: no text makes the parser throw", (_name, { parse, words }) => {
  fc.assert(
    fc.property(textOf(words), (text) => void parse(text)),
    RUNS,
  );
});

test("the configuration: no text makes the parser throw, what is wrong becomes a problem", () => {
  fc.assert(
    fc.property(textOf(TOML), (text) => void CONFIGURATION.parse(text)),
    RUNS,
  );
});

const LENGTH = 256 * 1024;
const MAX_MS = 500;

/** Milliseconds of processor time. */
function timeOf(work: () => unknown): number {
  const tookMs = startProcessorTime();
  work();
  return tookMs();
}

test.each(Object.entries({ ...PARSERS, "the configuration": CONFIGURATION }))(
  "%s: repeated words take linear time",
  (_name, { parse, words, limit = LENGTH }) => {
    const pairs = words.flatMap((one, i) => [one, one + (words[(i + 1) % words.length] ?? ""), `${one}a`, `${one} `]);
    parse("");
    const slow = pairs.flatMap((pair) => {
      const text = `${words[0]}${pair.repeat(Math.ceil(limit / pair.length)).slice(0, limit)}\u0001`;
      const ms = timeOf(() => parse(text));
      return ms > MAX_MS ? [`${JSON.stringify(pair)}: ${Math.round(ms)} ms`] : [];
    });
    expect(slow).toEqual([]);
  },
);
