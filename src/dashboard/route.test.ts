import { expect, test } from "bun:test";
import { fileHash, pageHash, parseRoute, requestsHash, searchHash } from "./route.ts";

/** The route with its query as text. */
function partsOf(hash: string): readonly [page: string, item: string, query: string] {
  const { page, item, query } = parseRoute(hash);
  return [page, item, query.toString()];
}

test.each([
  ["", ["", "", ""]],
  ["#/", ["", "", ""]],
  ["#/nowhere", ["nowhere", "", ""]],
  ["#/file/", ["file", "", ""]],
  ["#/file/%zz", ["", "", ""]],
  ["#/files", ["files", "", ""]],
  ["#/files?q=a%26b", ["files", "", "q=a%26b"]],
  ["#/files/x?sort=size&page=2", ["files", "x", "sort=size&page=2"]],
  ["#/file/a-1.tar.gz", ["file", "a-1.tar.gz", ""]],
  ["#/file/a%252Fb%3F.zip", ["file", "a%2Fb?.zip", ""]],
  ["#/file/releases%2Famd64%2Fstage3.tar.xz", ["file", "releases/amd64/stage3.tar.xz", ""]],
  ["#/file/releases/amd64/stage3.tar.xz", ["file", "releases/amd64/stage3.tar.xz", ""]],
  ["#/file/%3Cscript%3E", ["file", "<script>", ""]],
] as const)("%s", (hash, parts) => expect(partsOf(hash)).toEqual(parts));

test("a search survives the way into the address and back", () => {
  for (const search of ["", "a b", "100%", "?q=x#y", "ü"]) {
    const { page, query } = parseRoute(searchHash(search));
    expect([page, query.get("q") ?? ""]).toEqual(["files", search]);
  }
});

test("a file name survives the way into the address and back, whatever is in it", () => {
  for (const name of ["a-1.tar.gz", "releases/amd64/stage3.tar.xz", "a%2Fb", "a?b#c.zip", "ü b.zip", "100%"]) {
    expect(partsOf(fileHash(name))).toEqual(["file", name, ""]);
    expect(partsOf(pageHash("packages", name))).toEqual(["packages", name, ""]);
  }
  expect(pageHash("mirrors")).toBe("#/mirrors");
});

test("a filter of requests survives the way into the address and back", () => {
  const filter = { client: "2001:db8::1", file: "a b&c?", package: "app-misc/hello" };
  const { page, query } = parseRoute(requestsHash(filter));
  expect([page, Object.fromEntries(query)]).toEqual(["requests", filter]);
  expect(requestsHash({})).toBe("#/requests");
});
