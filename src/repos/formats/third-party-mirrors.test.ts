import { expect, test } from "bun:test";
import { atMirror, parseMirrorLists, splitMirrorUri, stackedUrls } from "./third-party-mirrors.ts";

test("mirror lists may have any white space, comments at any word, and one name on several lines", () => {
  const text = "# GNU\ngnu\t\thttps://a/gnu/ https://b/gnu # https://c\n\ngnu https://d\nempty\n  npm https://n\n";
  expect(Object.fromEntries(parseMirrorLists(text))).toEqual({
    gnu: ["https://a/gnu/", "https://b/gnu", "https://d"],
    npm: ["https://n"],
  });
});

test("later files of a stack add URLs, or remove one or all", () => {
  const files = ["x a b\ny a", "x -a c b\ny -* d", "z e"].map(parseMirrorLists);
  const names = ["x", "y", "z", "none"];
  expect(names.map((name) => stackedUrls(files, name))).toEqual([["b", "c"], ["d"], ["e"], undefined]);
});

test("base URL and path are joined by one slash, and slashes of the path stay", () => {
  const cases = [
    ["mirror://gnu/tar/tar-1.tar.xz", "https://m/gnu//", "https://m/gnu/tar/tar-1.tar.xz"],
    ["mirror://goproxy//x/@v/v1.zip", "https://goproxy.io/", "https://goproxy.io//x/@v/v1.zip"],
    ["MIRROR://gnu/x", "https://m", "https://m/x"],
  ] as const;
  for (const [uri, base, expected] of cases) {
    expect(atMirror(base, splitMirrorUri(uri)?.path ?? "")).toBe(expected);
  }
  for (const uri of ["mirror://gnu", "mirror://gnu/", "mirror:///x", "https://gnu/x"]) {
    expect(splitMirrorUri(uri)).toBeUndefined();
  }
});
