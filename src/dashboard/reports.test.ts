import { expect, test } from "bun:test";
import { cleanOffer, parseWanted, reportWords } from "./reports.ts";

test("what is pasted is told apart: packages have a slash, files have none", () => {
  expect(parseWanted(" dev-lang/rust, a-1.tar.gz\n b.zip\tsys-devel/gcc ")).toEqual({
    names: ["a-1.tar.gz", "b.zip"],
    packages: ["dev-lang/rust", "sys-devel/gcc"],
  });
  expect(parseWanted(" ,\n")).toEqual({ names: [], packages: [] });
});

test("a report is its figures with their names", () => {
  const report = { took_ms: 1250, full: false, repositories: [{}, {}], files: 2000, freed_bytes: 1024, left: [] };
  expect(reportWords("rescan", report)).toBe(
    "took 1.3\u00a0s, 2\u00a0repositories, 2\u202f000\u00a0files, 1.00\u00a0KiB freed",
  );
  expect(reportWords("drop", {})).toBe("done");
});

test("clean-up offers what it would remove, and nothing where there is nothing", () => {
  expect(cleanOffer({ files: 2, bytes: 2048 })).toBe("Remove 2\u00a0files, 2.00\u00a0KiB");
  expect(cleanOffer({ files: 0, bytes: 0 })).toBeUndefined();
  expect(cleanOffer({})).toBeUndefined();
});
