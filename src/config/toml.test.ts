import { expect, test } from "bun:test";
import { startProcessorTime } from "../testing/processor-time.ts";
import { createLineFinder, readToml } from "./toml.ts";

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
const findLine = createLineFinder(TEXT);

test("a key is found on its line, whatever surrounds it", () => {
  expect(findLine("storage", "location")).toBe(3);
  expect(findLine("fetcher", "mirrors")).toBe(6);
  expect(findLine("fetcher", "strategy")).toBe(9);
  expect(findLine("server", "port")).toBe(13);
  expect(createLineFinder(TEXT.replaceAll("\n", "\r\n"))("server", "port")).toBe(13);
});

test("dotted keys and inline tables are found too", () => {
  expect(createLineFinder("\nserver . port = 1")("server", "port")).toBe(2);
  expect(createLineFinder("\nserver = { port = 1 }")("server", "port")).toBe(2);
});

test("a key that is not found has the line of its section", () => {
  expect(findLine("server", "nothing")).toBe(12);
  expect(findLine("repo", "repos")).toBeUndefined();
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

test("thirty thousand unknown keys take little time to read", () => {
  const keys = Array.from({ length: 30_000 }, (_, i) => `key-${i} = ${i}`);
  const tookMs = startProcessorTime();
  const settings = readToml("f.toml", `[server]\n${keys.join("\n")}\n`, []);
  expect(tookMs()).toBeLessThan(4_000);
  expect([settings.length, settings.at(-1)?.where]).toEqual([30_000, "f.toml:30001"]);
});

test("text that is no TOML is shown with a mark below the place, and without secrets", () => {
  const problems: string[] = [];
  readToml("f.toml", '[server]\nadmin_token = "top"\nport = 80 80\n', problems);
  expect(problems).toEqual([
    [
      "f.toml:3: not valid TOML: each key-value declaration must be followed by an end-of-line",
      "2:  admin_token *******",
      "3:  port = 80 80",
      "              ^",
    ].join("\n"),
  ]);
});
