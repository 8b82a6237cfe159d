import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  FLAT,
  formatLayout,
  formatLayoutConf,
  isCutoffOf,
  type Layout,
  layoutPath,
  nameHash,
  parseLayout,
  parseLayoutConf,
} from "./layout.ts";
import type { DistfileName } from "./name.ts";

const name = "foo-1.tar.gz" as DistfileName;

const layouts = fc.oneof(
  fc.constant(FLAT),
  fc.record({
    kind: fc.constantFrom("filename-hash" as const, "content-hash" as const),
    algorithm: fc.constantFrom("BLAKE2B" as const, "SHA512" as const, "MD5" as const),
    cutoffs: fc.array(
      fc.integer({ min: 1, max: 8 }).map((n) => n * 4),
      { minLength: 1, maxLength: 4 },
    ),
  }),
);

test("a file lies where Portage looks for it (GLEP 75)", () => {
  expect(layoutPath({ kind: "filename-hash", algorithm: "BLAKE2B", cutoffs: [8] }, name)).toBe("1b/foo-1.tar.gz");
  expect(layoutPath(FLAT, name)).toBe(name);
  const digests = { size: 1, sha512: "877147".padEnd(128, "0") };
  const byContent: Layout = { kind: "content-hash", algorithm: "SHA512", cutoffs: [8, 8, 8] };
  expect(layoutPath(byContent, name, digests)).toBe(`87/71/47/${digests.sha512}`);
  expect(layoutPath({ ...byContent, algorithm: "BLAKE2B" }, name, digests)).toBeUndefined();
});

test("layout.conf is read until the first gap, passing over what is not understood", () => {
  expect(parseLayoutConf("[structure]\n0=filename-hash BLAKE2B 8\n1=flat\n")?.map(formatLayout)).toEqual([
    "filename-hash BLAKE2B 8",
    "flat",
  ]);
  expect(parseLayoutConf("[structure]\r\n0 = hologram\r\n1=flat\r\n3=filename-hash SHA512 8\r\n")).toEqual([FLAT]);
  expect(parseLayoutConf("<html><body>Welcome</body></html>")).toBeUndefined();
  expect(parseLayoutConf("")).toBeUndefined();
});

test("what is no well-formed layout.conf says nothing of the layout", () => {
  for (const text of [
    "# nothing\n",
    "0=filename-hash BLAKE2B 8\n",
    "[other]\n0=filename-hash BLAKE2B 8\n",
    "[structure]\n0=flat\n<html>\n",
    "<!DOCTYPE html>\n<script>x = \n[structure]\n</script>\n",
    "503 Service Unavailable",
    "[structure]\n",
    "[structure]\n0=filename-hash BLA",
    "[structure]\n0=filename-hash BLAKE2B",
    "[structure]\n0=filename-hash blake2b 8\n1=filename-hash BLAKE2B 7\n",
    "[structure]\n1=filename-hash BLAKE2B 8\n",
    `[structure]\n0=flat${" ".repeat(5000)}x\n`,
  ]) {
    expect([text.slice(0, 40), parseLayoutConf(text)]).toEqual([text.slice(0, 40), undefined]);
  }
  const commented = "\uFEFF; comment\n# comment\n[structure] ; more\n\n 0 : filename-hash SHA1 8 \n[more]\nx=y\n";
  expect(parseLayoutConf(commented)?.map(formatLayout)).toEqual(["filename-hash SHA1 8"]);
});

test("every hash of Portage that can be computed here makes a layout", () => {
  const folders = [
    ["MD5", "c9"],
    ["SHA1", "19"],
    ["RMD160", "02"],
    ["SHA256", "46"],
    ["SHA3_256", "aa"],
    ["SHA3_512", "25"],
    ["BLAKE2S", "ce"],
    ["SHA512", "5c"],
  ] as const;
  for (const [algorithm, folder] of folders) {
    const layout = parseLayout(`filename-hash ${algorithm} 8`);
    expect([algorithm, layout && layoutPath(layout, name)]).toEqual([algorithm, `${folder}/${name}`]);
  }
  expect(parseLayout("filename-hash MD5 128:4")).toBeUndefined();
  expect(parseLayout("filename-hash WHIRLPOOL 8")).toBeUndefined();
  const old = { size: 1, other: `SHA256 ${"ab".repeat(32)}` as const };
  expect(layoutPath({ kind: "content-hash", algorithm: "SHA256", cutoffs: [8] }, name, old)).toBe(
    `ab/${"ab".repeat(32)}`,
  );
  expect(layoutPath({ kind: "content-hash", algorithm: "MD5", cutoffs: [8] }, name, old)).toBeUndefined();
});

test("parseLayout() undoes formatLayout(), and layout.conf likewise", () => {
  fc.assert(fc.property(layouts, (layout) => expect(parseLayout(formatLayout(layout))).toEqual(layout)));
  fc.assert(
    fc.property(fc.array(layouts, { minLength: 1, maxLength: 5 }), (all) =>
      expect(parseLayoutConf(formatLayoutConf(all))).toEqual(all),
    ),
  );
});

test("the folders of every filename-hash path are a cut-off of the name's hash", () => {
  fc.assert(
    fc.property(layouts, (layout) => {
      if (layout.kind !== "filename-hash") return;
      const folders = (layoutPath(layout, name) ?? "").split("/").slice(0, -1);
      expect(isCutoffOf(folders, nameHash(layout.algorithm, name))).toBe(true);
      expect(isCutoffOf(["zz", ...folders], nameHash(layout.algorithm, name))).toBe(false);
    }),
  );
});
