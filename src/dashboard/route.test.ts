import { expect, test } from "bun:test";
import { fileHash, parseRoute, searchHash } from "./route.ts";

test.each([
  ["", { view: "overview" }],
  ["#/", { view: "overview" }],
  ["#/nowhere", { view: "overview" }],
  ["#/file/", { view: "overview" }],
  ["#/file/%zz", { view: "overview" }],
  ["#/files", { view: "files", search: "" }],
  ["#/files?q=a%26b", { view: "files", search: "a&b" }],
  ["#/file/a-1.tar.gz", { view: "file", name: "a-1.tar.gz" }],
  ["#/file/a%252Fb%3F.zip", { view: "file", name: "a%2Fb?.zip" }],
  ["#/file/releases%2Famd64%2Fstage3.tar.xz", { view: "file", name: "releases/amd64/stage3.tar.xz" }],
  ["#/file/releases/amd64/stage3.tar.xz", { view: "file", name: "releases/amd64/stage3.tar.xz" }],
  ["#/file/%3Cscript%3E", { view: "file", name: "<script>" }],
] as const)("%s", (hash, route) => expect(parseRoute(hash)).toEqual(route));

test("a search survives the way into the address and back", () => {
  for (const search of ["", "a b", "100%", "?q=x#y", "ü"]) {
    expect(parseRoute(searchHash(search))).toEqual({ view: "files", search });
  }
});

test("a file name survives the way into the address and back, whatever is in it", () => {
  for (const name of ["a-1.tar.gz", "releases/amd64/stage3.tar.xz", "a%2Fb", "a?b#c.zip", "ü b.zip", "100%"]) {
    expect(parseRoute(fileHash(name))).toEqual({ view: "file", name });
  }
});
