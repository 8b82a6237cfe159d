import { expect, test } from "bun:test";
import fc from "fast-check";
import { digestIn } from "./digest-file.ts";
import { isBelowMirrorFolder, type MirrorPath, parseMirrorPath, stemOf } from "./mirror-path.ts";
import { parseDistfileName } from "./name.ts";

test("a path is decoded once; paths that no mirror can have are distinguished from folders", () => {
  const rows: [string, string][] = [
    ["/snapshots/gentoo-latest.tar.xz", "snapshots/gentoo-latest.tar.xz"],
    ["/releases/a%20b/c%252Fd", "releases/a b/c%2Fd"],
    ["/experimental/%C3%A9", "experimental/é"],
    ["/snapshots/", "folder"],
    ["/releases/amd64/", "folder"],
    ["/snapshots/a%2Fb", "bad"],
    ["/snapshots/%2e%2e/x", "bad"],
    ["/snapshots/./x", "bad"],
    ["/snapshots/a%5Cb", "bad"],
    ["/snapshots/a%00", "bad"],
    ["/snapshots/a%0Ab", "bad"],
    ["/snapshots/%FF", "bad"],
    ["/snapshots/%zz", "bad"],
    [`/snapshots/${"x".repeat(256)}`, "bad"],
    [`/releases/${"abcdefg/".repeat(130)}x`, "bad"],
    ["/snapshots/../", "bad"],
  ];
  for (const [path, expected] of rows) expect([path, parseMirrorPath(path)]).toEqual([path, expected as MirrorPath]);
  expect(
    ["/snapshots/x", "/releases/", "/snapshots", "/snapshotsx/y", "/distfiles/x"].map(isBelowMirrorFolder),
  ).toEqual([true, true, false, false, false]);
});

test("any path that is accepted stays below its folder and is no distfile's name", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 12 }), { minLength: 1, maxLength: 6 }), (segments) => {
      const parsed = parseMirrorPath(
        `/snapshots/${segments.map((one) => encodeURIComponent(one.toWellFormed())).join("/")}`,
      );
      if (parsed === "bad" || parsed === "folder") return;
      expect(new URL(parsed.split("/").map(encodeURIComponent).join("/"), "http://x/").pathname).toStartWith(
        "/snapshots/",
      );
      expect(parseDistfileName(parsed)).toBeUndefined();
    }),
  );
});

test("a file and what says something about it have one stem", () => {
  const stems = (...names: string[]) => new Set(names.map((name) => stemOf(`releases/${name}` as MirrorPath))).size;
  const stage = "stage3-amd64-openrc-20260816T170000Z.tar.xz";
  expect(stems("x.tar.xz", "x.tar.xz.md5sum", "x.tar.xz.gpgsig", "x.tar.xz.umd5sum")).toBe(1);
  expect(
    stems(stage, `${stage}.asc`, `${stage}.DIGESTS`, `${stage}.DIGESTS.asc`, `${stage}.CONTENTS.gz`, `${stage}.sha256`),
  ).toBe(1);
  expect(stems("x.tar.xz", "y.tar.xz", "x.tar.bz2")).toBe(3);
  expect(stemOf("snapshots/.asc" as MirrorPath)).toBe("snapshots/.asc");
});

test("a digest file gives the strongest hash of the file that it names", () => {
  const blake = "b".repeat(128);
  const sha512 = "c".repeat(128);
  const digests = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n# BLAKE2B HASH\n${blake}  s.tar.xz\n# SHA512 HASH\n${sha512}  s.tar.xz\n# BLAKE2B HASH\n${"d".repeat(128)}  s.tar.xz.CONTENTS.gz\n`;
  expect(digestIn(digests, "s.tar.xz")).toEqual({ algorithm: "BLAKE2B", hex: blake });
  expect(digestIn(`# SHA512 HASH\n${sha512}  s.tar.xz\n`, "s.tar.xz")).toEqual({ algorithm: "SHA512", hex: sha512 });
  const md5 = "0123456789ABCDEF".repeat(2);
  expect(digestIn(`${md5}  gentoo-20260821.tar.xz\n`, "gentoo-20260821.tar.xz")).toEqual({
    algorithm: "MD5",
    hex: md5.toLowerCase(),
  });
  expect(digestIn(`${md5} *./a/x.iso\r\n`, "x.iso")?.algorithm).toBe("MD5");
  expect(digestIn(`${md5}  other\n${md5.slice(1)}  x\nno digest at all\n`, "x")).toBeUndefined();
});
