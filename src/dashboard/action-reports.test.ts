import { expect, test } from "bun:test";
import type { CleanReport } from "../api/action-schemas.ts";
import { cleanConfirmation, parseFetchField, reportText } from "./action-reports.ts";

test("pasted text is split into packages and files", () => {
  expect(parseFetchField(" dev-lang/rust, a-1.tar.gz\n b.zip\tsys-devel/gcc gui-libs/gtk+ ")).toEqual({
    names: ["a-1.tar.gz", "b.zip"],
    packages: ["dev-lang/rust", "sys-devel/gcc", "gui-libs/gtk+"],
  });
  const paths = [
    "snapshots/gentoo-latest.tar.xz",
    "releases/amd64/autobuilds/latest-stage3.txt",
    "https://a.example/b-1",
  ];
  expect(parseFetchField(paths.join(" "))).toEqual({ names: paths, packages: [] });
  expect(parseFetchField(" ,\n")).toEqual({ names: [], packages: [] });
});

const USAGE = { used_bytes: 0, free_bytes: 0 };
const NONE = { files: 0, bytes: 0 };
const CLEAN: CleanReport = {
  duration_ms: 1,
  dry_run: false,
  files: 2,
  bytes: 2048,
  by_reason: { orphan: NONE, age: NONE, space: NONE },
  removed: [],
  in_use: 0,
  part_files: 0,
  before: USAGE,
  after: USAGE,
  over_limit_bytes: 0,
  over_limit_files: 0,
};
const VERIFY = { duration_ms: 1, files: 3, bytes: 3072, bad: [], repair: false, stale: 0, unverified: 0, missing: 0 };
const BAD = { name: "a.zip", size: 1, problem: "another digest", outcome: "unrepaired" } as const;
const FETCH = { duration_ms: 1, files: 2, fetched: 1, fetched_bytes: 1024, present: 1, failed: 0, results: [] };
const ABSENT = { name: "b.zip", outcome: "absent", bytes: 0, reason: "b.zip: no source has it.\nSources:\nx" } as const;
const REPOSITORY = {
  name: "gentoo",
  location: "/gentoo",
  packages: 10,
  distfiles: 30,
  duration_ms: 1,
  unreadable: 0,
  skipped: 0,
  problem: null,
};

test.each([
  [
    reportText("rescan", { full: false, repositories: [REPOSITORY, REPOSITORY], duration_ms: 1250 }),
    "2 repositories with 20 packages and 60 distfiles scanned in 1.3 s",
  ],
  [
    reportText("rescan", { full: false, repositories: [{ ...REPOSITORY, problem: "gone" }], duration_ms: 9 }),
    "1 repository with 10 packages and 30 distfiles scanned in 9 ms; gentoo: gone",
  ],
  [reportText("clean", CLEAN), "2 files, 2.00 KiB removed"],
  [reportText("clean", { ...CLEAN, dry_run: true }), "2 files, 2.00 KiB can be removed"],
  [reportText("clean", { ...CLEAN, in_use: 1 }), "2 files, 2.00 KiB removed, 1 file in use kept"],
  [reportText("clean", { ...CLEAN, files: 0 }), "nothing to remove"],
  [
    reportText("clean", { ...CLEAN, files: 0, over_limit_bytes: 1024 }),
    "nothing to remove; still 1.00 KiB over the limits, as the remaining files are kept or in use",
  ],
  [reportText("verify", VERIFY), "3 files checked, 3.00 KiB: all intact"],
  [
    reportText("verify", { ...VERIFY, bad: [BAD], repair: true }),
    "3 files checked, 3.00 KiB: 1 bad: a.zip (another digest; unrepaired)",
  ],
  [reportText("fetch", FETCH), "1 file fetched, 1.00 KiB; 1 already in the store"],
  [reportText("fetch", { ...FETCH, files: 0, fetched: 0, present: 0 }), "nothing to fetch"],
  [
    reportText("fetch", {
      ...FETCH,
      fetched: 0,
      present: 0,
      failed: 2,
      results: [ABSENT, { ...ABSENT, name: "c.zip", reason: null }],
    }),
    "2 failed: b.zip (b.zip: no source has it.), c.zip",
  ],
  [reportText("drop", { dropped: [], files: 1, bytes: 1024, absent: [] }), "1 file removed, 1.00 KiB"],
  [reportText("drop", { dropped: [], files: 0, bytes: 0, absent: ["a.zip"] }), "not in the store"],
])("the report of an action is a sentence: %#", (shown, text) => {
  expect(shown.replaceAll("\u00a0", " ")).toBe(text);
});

test("of many bad files the report names the first", () => {
  const bad = Array.from({ length: 8 }, (_, i) => ({ ...BAD, name: `${i}.zip` }));
  expect(reportText("verify", { ...VERIFY, bad })).toContain("4.zip (another digest; unrepaired) and 3 more");
});

test("the confirmation says what clean-up will remove, and there is none if that is nothing", () => {
  expect(cleanConfirmation(CLEAN)).toBe("Remove 2\u00a0files, 2.00\u00a0KiB");
  expect(cleanConfirmation({ ...CLEAN, files: 0 })).toBeUndefined();
});
