import { expect, test } from "bun:test";
import { findLine, readToml } from "./toml.ts";

const TEXT = `# [server]
[storage] # comment
location = "/x"

[ "fetcher" ]
  mirrors = [
    "http://a",
  ]
"strategy"="ordered"
[log]
level = "info" # port = 1
[server]
port=1
`;

test("a key is found on its line, whatever surrounds it", () => {
  expect(findLine(TEXT, "storage", "location")).toBe(3);
  expect(findLine(TEXT, "fetcher", "mirrors")).toBe(6);
  expect(findLine(TEXT, "fetcher", "strategy")).toBe(9);
  expect(findLine(TEXT, "server", "port")).toBe(13);
  expect(findLine(TEXT.replaceAll("\n", "\r\n"), "server", "port")).toBe(13);
});

test("dotted keys and inline tables are found too", () => {
  expect(findLine("\nserver . port = 1", "server", "port")).toBe(2);
  expect(findLine("\nserver = { port = 1 }", "server", "port")).toBe(2);
});

test("a key that is not found has the line of its section", () => {
  expect(findLine(TEXT, "server", "nothing")).toBe(12);
  expect(findLine(TEXT, "repo", "repos")).toBeUndefined();
});

test("settings come with file and line", () => {
  expect(readToml("f.toml", '\ufeff[server]\nport = 1\n[repo]\nrepos = ["/x"]\n', [])).toEqual([
    { section: "server", name: "port", given: 1, where: "f.toml:2" },
    { section: "repo", name: "repos", given: ["/x"], where: "f.toml:4" },
  ]);
});

test("names of Object.prototype are unknown sections", () => {
  for (const name of ["constructor", "toString", "__proto__"]) {
    const problems: string[] = [];
    expect(readToml("f.toml", `[${name}]\nx = 1\n`, problems)).toEqual([]);
    expect(problems).toEqual([expect.stringContaining(`f.toml:1: unknown section [${name}]`)]);
  }
});
