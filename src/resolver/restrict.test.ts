import { expect, test } from "bun:test";
import { parseRestrict, parseSrcUri } from "../repos/formats/src-uri.ts";
import { mostPermissive, permissionOf, UNRESTRICTED } from "./restrict.ts";

/** Returns who may be asked for the file f. */
function permit(restrict: string, srcUri: string) {
  const uris = parseSrcUri(srcUri, "8").files.get("f") ?? [];
  return permissionOf(uris, parseRestrict(restrict));
}

const PLAIN = "https://a/f https://b/f";
const MIXED = "https://a/f mirror://gnu/f https://b/f";

const CASES = [
  // The last of the plain URIs is tried first, and third-party mirrors before plain URIs.
  ["", PLAIN, "first", ["https://b/f", "https://a/f"]],
  ["", MIXED, "first", ["mirror://gnu/f", "https://b/f", "https://a/f"]],
  ["", "f", "first", []],
  ["mirror", MIXED, "last", ["mirror://gnu/f", "https://b/f", "https://a/f"]],
  ["primaryuri", PLAIN, "last", ["https://b/f", "https://a/f"]],
  ["fetch", PLAIN, "never", []],
  ["fetch", MIXED, "never", ["mirror://gnu/f"]],
  ["fetch", "f", "never", []],
  ["fetch", "https://a/f fetch+https://b/f", "never", ["https://b/f"]],
  ["fetch", "mirror+https://a/f", "first", ["https://a/f"]],
  ["mirror", "mirror+https://a/f", "first", ["https://a/f"]],
  ["mirror", "fetch+https://a/f", "last", ["https://a/f"]],
  ["fetch primaryuri", PLAIN, "never", []],
  // A conditional restriction leaves the file fetchable, upstream first.
  ["x? ( fetch )", PLAIN, "last", ["https://b/f", "https://a/f"]],
  ["!x? ( mirror )", PLAIN, "last", ["https://b/f", "https://a/f"]],
] as const;

for (const [restrict, srcUri, mirrors, uris] of CASES) {
  test(`RESTRICT=${JSON.stringify(restrict)}, SRC_URI=${JSON.stringify(srcUri)}`, () => {
    const permission = permit(restrict, srcUri);
    expect([permission.mirrors, [...permission.uris]]).toEqual([mirrors, [...uris]]);
  });
}

test("a file counts as restricted only where the restriction holds for everybody", () => {
  const restricted = (restrict: string) => {
    const { fetchRestricted, mirrorRestricted } = permit(restrict, PLAIN);
    return [fetchRestricted, mirrorRestricted];
  };
  expect(restricted("fetch")).toEqual([true, true]);
  expect(restricted("mirror")).toEqual([false, true]);
  expect(restricted("x? ( fetch ) y? ( mirror )")).toEqual([false, false]);
});

test("among several packages the most permissive counts, and all their URIs are kept", () => {
  const both = mostPermissive([permit("fetch", PLAIN), permit("mirror", "https://c/f"), permit("", "https://c/f")]);
  expect(both).toEqual({ mirrors: "first", uris: ["https://c/f"], fetchRestricted: false, mirrorRestricted: false });
  expect(mostPermissive([permit("fetch", PLAIN), permit("mirror", "https://c/f")]).mirrors).toBe("last");
  expect(mostPermissive([])).toEqual(UNRESTRICTED);
});
