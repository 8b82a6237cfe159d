import { expect, test } from "bun:test";
import { parseRoute, searchHash } from "./route.ts";

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
  ["#/file/%3Cscript%3E", { view: "file", name: "<script>" }],
] as const)("%s", (hash, route) => expect(parseRoute(hash)).toEqual(route));

test("a search comes back as it was", () => {
  for (const search of ["", "a b", "100%", "?q=x#y", "ü"]) {
    expect(parseRoute(searchHash(search))).toEqual({ view: "files", search });
  }
});
