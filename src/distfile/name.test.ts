import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseDistfileName } from "./name.ts";

test("names as real trees have them are taken as they are", () => {
  for (const name of [
    "hello-2.12.tar.gz",
    "cloud.google.com%2Fgo%2F@v%2Fv0.26.0.mod",
    "a b",
    "...",
    ".hidden",
    "ü.txt",
    "x".repeat(255),
    "{1}!,()~:=?[]&;#^|*'.zip",
  ]) {
    expect(parseDistfileName(name)).toBe(name as never);
  }
});

test("a text that can't be one path component is no name", () => {
  for (const name of [
    "",
    ".",
    "..",
    "a/b",
    "/",
    "a\0b",
    "a\nb",
    "\x7f",
    "\u0085",
    "x".repeat(256),
    "ü".repeat(128),
    "\ud800",
  ]) {
    expect(parseDistfileName(name)).toBeUndefined();
  }
});

test("a name never leads out of its folder", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const name = parseDistfileName(text);
      return name === undefined || new URL(encodeURIComponent(name), "file:///store/").pathname.split("/").length === 3;
    }),
  );
});
