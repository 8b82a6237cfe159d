import { expect, test } from "bun:test";
import { cleanOffer, parseWanted, reportWords } from "./reports.ts";

test("what is pasted is told apart: packages have a slash, files have none", () => {
  expect(parseWanted(" dev-lang/rust, a-1.tar.gz\n b.zip\tsys-devel/gcc ")).toEqual({
    names: ["a-1.tar.gz", "b.zip"],
    packages: ["dev-lang/rust", "sys-devel/gcc"],
  });
  expect(parseWanted(" ,\n")).toEqual({ names: [], packages: [] });
});

const CLEAN = { dry_run: false, files: 2, bytes: 2048, over_limit_bytes: 0, in_use: 0 };
const VERIFY = { files: 3, bytes: 3072, bad: [], repair: false };
const BAD = { name: "a.zip", problem: "another digest", outcome: "unrepaired" };
const FETCH = { files: 2, fetched: 1, fetched_bytes: 1024, present: 1, failed: 0, results: [] };
const ABSENT = { name: "b.zip", outcome: "absent", reason: "b.zip: no source has it.\nSources:\nx" };
const TREE = { name: "gentoo", packages: 10, distfiles: 30, problem: null };

test.each([
  ["rescan", { repositories: [TREE, TREE], duration_ms: 1250 }, "2 trees with 20 packages and 60 distfiles, in 1.3 s"],
  [
    "rescan",
    { repositories: [{ ...TREE, problem: "gone" }], duration_ms: 9 },
    "1 tree with 10 packages and 30 distfiles, in 9 ms; gentoo: gone",
  ],
  ["clean", CLEAN, "2 files, 2.00 KiB removed"],
  ["clean", { ...CLEAN, dry_run: true }, "2 files, 2.00 KiB would go"],
  ["clean", { ...CLEAN, in_use: 1 }, "2 files, 2.00 KiB removed, 1 file left as they are in use"],
  ["clean", { ...CLEAN, files: 0 }, "there is nothing to remove"],
  [
    "clean",
    { ...CLEAN, files: 0, over_limit_bytes: 1024 },
    "there is nothing to remove; 1.00 KiB over the limits still, as the rest is kept or in use",
  ],
  ["verify", VERIFY, "3 files read, 3.00 KiB: all are as they should be"],
  [
    "verify",
    { ...VERIFY, bad: [BAD], repair: true },
    "3 files read, 3.00 KiB: 1 bad file: a.zip (another digest; unrepaired)",
  ],
  ["fetch", FETCH, "1 file fetched, 1.00 KiB; 1 file here already"],
  ["fetch", { ...FETCH, files: 0, fetched: 0, present: 0 }, "there is nothing to fetch"],
  [
    "fetch",
    { ...FETCH, fetched: 0, present: 0, failed: 2, results: [ABSENT, { ...ABSENT, name: "c.zip", reason: null }] },
    "2 files could not be had: b.zip (b.zip: no source has it.), c.zip",
  ],
  ["drop", { files: 1, bytes: 1024, absent: [] }, "1 file removed, 1.00 KiB"],
  ["drop", { files: 0, bytes: 0, absent: ["a.zip"] }, "it is not in the store"],
] as const)("the report of %s is a sentence: %#", (name, report, words) => {
  expect(reportWords(name, report).replaceAll("\u00a0", " ")).toBe(words);
});

test("of many bad files the first are named", () => {
  const bad = Array.from({ length: 8 }, (_, i) => ({ ...BAD, name: `${i}.zip` }));
  expect(reportWords("verify", { ...VERIFY, bad })).toContain("4.zip (another digest; unrepaired) and 3 more");
});

test("clean-up offers what it would remove, and nothing where there is nothing", () => {
  expect(cleanOffer(CLEAN)).toBe("Remove 2\u00a0files, 2.00\u00a0KiB");
  expect(cleanOffer({ ...CLEAN, files: 0 })).toBeUndefined();
});
