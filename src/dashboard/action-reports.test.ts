import { expect, test } from "bun:test";
import { cleanConfirmation, parseFetchInput, reportText } from "./action-reports.ts";

test("pasted text is split into packages and files", () => {
  expect(parseFetchInput(" dev-lang/rust, a-1.tar.gz\n b.zip\tsys-devel/gcc gui-libs/gtk+ ")).toEqual({
    names: ["a-1.tar.gz", "b.zip"],
    packages: ["dev-lang/rust", "sys-devel/gcc", "gui-libs/gtk+"],
  });
  const paths = [
    "snapshots/gentoo-latest.tar.xz",
    "releases/amd64/autobuilds/latest-stage3.txt",
    "https://a.example/b-1",
  ];
  expect(parseFetchInput(paths.join(" "))).toEqual({ names: paths, packages: [] });
  expect(parseFetchInput(" ,\n")).toEqual({ names: [], packages: [] });
});

const CLEAN = { dry_run: false, files: 2, bytes: 2048, over_limit_bytes: 0, in_use: 0 };
const VERIFY = { files: 3, bytes: 3072, bad: [], repair: false };
const BAD = { name: "a.zip", problem: "another digest", outcome: "unrepaired" };
const FETCH = { files: 2, fetched: 1, fetched_bytes: 1024, present: 1, failed: 0, results: [] };
const ABSENT = { name: "b.zip", outcome: "absent", reason: "b.zip: no source has it.\nSources:\nx" };
const REPOSITORY = { name: "gentoo", packages: 10, distfiles: 30, problem: null };

test.each([
  [
    "rescan",
    { repositories: [REPOSITORY, REPOSITORY], duration_ms: 1250 },
    "2 repositories with 20 packages and 60 distfiles scanned in 1.3 s",
  ],
  [
    "rescan",
    { repositories: [{ ...REPOSITORY, problem: "gone" }], duration_ms: 9 },
    "1 repository with 10 packages and 30 distfiles scanned in 9 ms; gentoo: gone",
  ],
  ["clean", CLEAN, "2 files, 2.00 KiB removed"],
  ["clean", { ...CLEAN, dry_run: true }, "2 files, 2.00 KiB can be removed"],
  ["clean", { ...CLEAN, in_use: 1 }, "2 files, 2.00 KiB removed, 1 file in use kept"],
  ["clean", { ...CLEAN, files: 0 }, "nothing to remove"],
  [
    "clean",
    { ...CLEAN, files: 0, over_limit_bytes: 1024 },
    "nothing to remove; still 1.00 KiB over the limits, as the remaining files are kept or in use",
  ],
  ["verify", VERIFY, "3 files checked, 3.00 KiB: all intact"],
  [
    "verify",
    { ...VERIFY, bad: [BAD], repair: true },
    "3 files checked, 3.00 KiB: 1 bad: a.zip (another digest; unrepaired)",
  ],
  ["fetch", FETCH, "1 file fetched, 1.00 KiB; 1 already in the store"],
  ["fetch", { ...FETCH, files: 0, fetched: 0, present: 0 }, "nothing to fetch"],
  [
    "fetch",
    { ...FETCH, fetched: 0, present: 0, failed: 2, results: [ABSENT, { ...ABSENT, name: "c.zip", reason: null }] },
    "2 failed: b.zip (b.zip: no source has it.), c.zip",
  ],
  ["drop", { files: 1, bytes: 1024, absent: [] }, "1 file removed, 1.00 KiB"],
  ["drop", { files: 0, bytes: 0, absent: ["a.zip"] }, "not in the store"],
] as const)("the report of %s is a sentence: %#", (name, report, text) => {
  expect(reportText(name, report).replaceAll("\u00a0", " ")).toBe(text);
});

test("of many bad files the report names the first", () => {
  const bad = Array.from({ length: 8 }, (_, i) => ({ ...BAD, name: `${i}.zip` }));
  expect(reportText("verify", { ...VERIFY, bad })).toContain("4.zip (another digest; unrepaired) and 3 more");
});

test("the confirmation says what clean-up will remove, and there is none if that is nothing", () => {
  expect(cleanConfirmation(CLEAN)).toBe("Remove 2\u00a0files, 2.00\u00a0KiB");
  expect(cleanConfirmation({ ...CLEAN, files: 0 })).toBeUndefined();
});
