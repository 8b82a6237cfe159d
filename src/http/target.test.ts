import { expect, test } from "bun:test";
import fc from "fast-check";
import { nameHash } from "../distfile/layout.ts";
import { parseDistfileName } from "../distfile/name.ts";
import { createTargetParser, normalPath, parseTarget, queryOf } from "./target.ts";

const digest = "ab".repeat(64);

function kindOf(path: string): string {
  const target = parseTarget(normalPath(`http://cachebox:8000${path}`));
  return target.kind === "name" ? `name ${target.name}` : target.kind;
}

test("every layout's path means the same file", () => {
  const blake2b = nameHash("BLAKE2B", "foo-1.tar.gz");
  const sha512 = nameHash("SHA512", "foo-1.tar.gz");
  for (const folders of [
    "",
    `${blake2b.slice(0, 2)}/`,
    `${blake2b.slice(0, 2)}/${blake2b.slice(2, 4)}/`,
    `${sha512.slice(0, 1)}/${sha512.slice(1, 4)}/`,
    "//",
  ]) {
    expect(kindOf(`/distfiles/${folders}foo-1.tar.gz`)).toBe("name foo-1.tar.gz");
  }
  expect(kindOf(`//distfiles//${blake2b.slice(0, 2).toUpperCase()}//foo-1.tar.gz?x=1#y`)).toBe("name foo-1.tar.gz");
});

test("a path longer than that of any file is not taken apart", () => {
  const long = `${"%E2%82%AC".repeat(85)}`;
  expect(kindOf(`/distfiles/${long}`)).toStartWith("name €");
  expect(kindOf(`/distfiles/${"0/".repeat(1_200)}a`)).toBe("bad-name");
});

test("a URL without a host is its path", () => {
  expect(normalPath("/healthz")).toBe("/healthz");
  expect(normalPath("//distfiles//foo-1.tar.gz?x=//y")).toBe("/distfiles/foo-1.tar.gz");
});

test("a long path or query is not kept in memory", () => {
  const targets = createTargetParser();
  const [short, long] = ["/distfiles/foo-1.tar.gz", `/distfiles/${"0/".repeat(7000)}foo-1.tar.gz`];
  expect(targets(short)).toBe(targets(short));
  expect(targets(long)).not.toBe(targets(long));
  const rest = "x".repeat(32 * 1024);
  const paths: string[] = [];
  Bun.gc(true);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 4000; i++) paths.push(normalPath(Buffer.from(`http://h/distfiles/${i}?${rest}`).toString()));
  Bun.gc(true);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  expect(paths.at(-1)).toBe("/distfiles/3999");
});

test("a query is parsed with or without a host before it", () => {
  for (const [url, query] of [
    ["/api/v1/files?q=a%20b&page=2", { q: "a b", page: "2" }],
    ["http://cachebox:8000/api/v1/files?q=a?b#c", { q: "a?b" }],
    ["http://cachebox:8000/api/v1/files", {}],
    ["/api/v1/files?", {}],
  ] as const) {
    expect<unknown>(Object.fromEntries(queryOf(url))).toEqual(query);
  }
});

test("a folder that is not a cut-off of the name's hash is wrong", () => {
  expect(kindOf("/distfiles/00/foo-1.tar.gz")).toBe("wrong-folder");
  expect(kindOf("/distfiles/1b/00/foo-1.tar.gz")).toBe("wrong-folder");
  expect(kindOf("/distfiles/zz/foo-1.tar.gz")).toBe("wrong-folder");
  expect(kindOf(`/distfiles/aa/${digest}`)).toBe("wrong-folder");
});

test("names are decoded exactly once", () => {
  expect(kindOf("/distfiles/a%252Fb%40v1%2B2")).toBe("name a%2Fb@v1+2");
  expect(kindOf("/distfiles/a+b")).toBe("name a+b");
  expect(kindOf("/distfiles/%C3%BC")).toBe("name ü");
});

test("an invalid file name is recognised however it is encoded", () => {
  for (const path of [
    "",
    "a%2Fb",
    "%2e%2e%2Fetc%2Fpasswd",
    "%2E%2E",
    ".",
    "%2e",
    "a%00b",
    "a%0ab",
    "%zz",
    "%",
    "%ff",
    "x".repeat(256),
    "1b/",
    "ab/a%2Fb",
  ]) {
    expect(`${path} ${kindOf(`/distfiles/${path}`)}`).toBe(`${path} bad-name`);
  }
});

test("content-hash paths are recognised by their 128 digits", () => {
  expect(kindOf(`/distfiles/ab/ab/${digest}`)).toBe("digest");
  expect(kindOf(`/distfiles/${digest.toUpperCase()}`)).toBe("digest");
  expect(kindOf(`/distfiles/${digest.slice(1)}`)).toBe(`name ${digest.slice(1)}`);
});

test("a digest whose first bits are also those of its own hash is a digest, or that file's name", () => {
  let own = digest;
  for (let i = 0; !nameHash("SHA512", own).startsWith(own.slice(0, 2)); i++) own = nameHash("BLAKE2B", String(i));
  const target = parseTarget(`/distfiles/${own.slice(0, 2)}/${own}`);
  expect(target).toEqual({ kind: "digest", digest: own, name: parseDistfileName(own) });
});

test("layout.conf is special at the top only", () => {
  expect(kindOf("/distfiles/layout.conf")).toBe("layout.conf");
  expect(kindOf(`/distfiles/${nameHash("BLAKE2B", "layout.conf").slice(0, 2)}/layout.conf`)).toBe("name layout.conf");
});

test("no path throws or yields a name with a slash", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.constantFrom("/", "%2F", "..", "%2e", "%00", "%25")), { maxLength: 12 }),
      (parts) => {
        const target = parseTarget(normalPath(`http://h/distfiles/${parts.join("")}`));
        return target.kind !== "name" || !target.name.includes("/");
      },
    ),
  );
});
