import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { DistEntry } from "../../distfile/digests.ts";
import { type DistfileName, parseDistfileName } from "../../distfile/name.ts";
import { parseManifest } from "./manifest.ts";

const B =
  "b1efde953d760c6b1812b7de86a0ddf0847f8037bbdfa7516321a692fee31c47fe75353d7a3c634b6c56b61a18ca4f6851591284732f43134cd0b09442a1e23a";
const S =
  "4b05f38c121a71a6629d524d8848fc6c08325fb303956e06a6598c4ab925e2719dbcb48038229259acac3969a57d28de3a0b2faf7d595b6907a9841b91cbb06d";
const EMPTY_B = createHash("blake2b512").digest("hex");

const entry = (name: string, size: number, hashes: Partial<DistEntry> = { blake2b: B, sha512: S }): DistEntry => ({
  name: name as DistfileName,
  size,
  ...hashes,
});

const usable: [what: string, line: string, expected: DistEntry][] = [
  [
    "a crate of GURU",
    `DIST accessory-1.3.0.crate 11215 BLAKE2B ${B} SHA512 ${S}`,
    entry("accessory-1.3.0.crate", 11215),
  ],
  [
    "a Go module's literal %2F",
    `DIST github.com%2Ffhs%2Fgompd%2Fv2%2F@v%2Fv2.3.0.mod 40 BLAKE2B ${B} SHA512 ${S}`,
    entry("github.com%2Ffhs%2Fgompd%2Fv2%2F@v%2Fv2.3.0.mod", 40),
  ],
  [
    "more than 32 bits of size",
    `DIST the-dark-mod-2.12.tar.xz 17263615692 BLAKE2B ${B} SHA512 ${S}`,
    entry("the-dark-mod-2.12.tar.xz", 17263615692),
  ],
  ["upper-case hex", `DIST a 1 BLAKE2B ${B.toUpperCase()} SHA512 ${S}`, entry("a", 1)],
  ["hashes in another order", `DIST a 1 SHA512 ${S} WHIRLPOOL 00 BLAKE2B ${B}`, entry("a", 1)],
  [
    "hashes of 2012 only",
    `DIST a 1 RMD160 ${"8d".repeat(20)} SHA1 ${"2a".repeat(20)} SHA256 ${"9A".repeat(32)} WHIRLPOOL ${"ab".repeat(64)}`,
    entry("a", 1, { other: `SHA256 ${"9a".repeat(32)}` }),
  ],
  [
    "SHA1 and MD5",
    `DIST a 1 MD5 ${"0b".repeat(16)} SHA1 ${"2a".repeat(20)}`,
    entry("a", 1, { other: `SHA1 ${"2a".repeat(20)}` }),
  ],
  ["MD5 alone", `DIST a 1 MD5 ${"0b".repeat(16)}`, entry("a", 1, { other: `MD5 ${"0b".repeat(16)}` })],
  ["only a hash that cannot be computed here", `DIST a 1 WHIRLPOOL ${"ab".repeat(64)}`, entry("a", 1, {})],
  ["malformed old hashes", "DIST a 1 RMD160 8de04a8a28b7ea7e SHA1 2a2ed3b7 SHA256 9a271f2a", entry("a", 1, {})],
  ["SHA512 without BLAKE2B", `DIST a 1 SHA256 9a271f2a SHA512 ${S} WHIRLPOOL ab`, entry("a", 1, { sha512: S })],
  ["a hash given twice", `DIST a 1 SHA512 ${B} SHA512 ${S}`, entry("a", 1, { sha512: S })],
  ["a file of no bytes", `DIST a 0 BLAKE2B ${EMPTY_B}`, entry("a", 0, { blake2b: EMPTY_B })],
  ["CRLF", `DIST a 1 SHA512 ${S}\r`, entry("a", 1, { sha512: S })],
];

test.each(usable)("usable: %s", (_, line, expected) => {
  expect(parseManifest(`${line}\n`)).toEqual({ entries: [expected], skipped: [], skippedCount: 0 });
});

const unusable: [what: string, line: string][] = [
  ["nothing but the keyword", "DIST"],
  ["no hash", "DIST a 1"],
  ["a hash without value", "DIST a 1 BLAKE2B"],
  ["two blanks", `DIST a  1 SHA512 ${S}`],
  ["a blank at the end", `DIST a 1 SHA512 ${S} `],
  ["a path for a name", `DIST a/b 1 SHA512 ${S}`],
  ["a name that leads upward", `DIST .. 1 SHA512 ${S}`],
  ["a negative size", `DIST a -1 SHA512 ${S}`],
  ["a size beyond exact numbers", `DIST a 9007199254740993 SHA512 ${S}`],
  ["a hash that is too short", `DIST a 1 SHA512 ${S.slice(1)}`],
  ["a hash that is not hex", `DIST a 1 BLAKE2B ${"g".repeat(128)} SHA512 ${S}`],
  ["size 0 with the hash of something", `DIST a 0 BLAKE2B ${EMPTY_B} SHA512 ${S}`],
  ["size 0 without a hash that binds", "DIST a 0 SHA256 9a271f2a"],
];

test.each(unusable)("skipped, and the lines around it hold: %s", (_, line) => {
  const { entries, skipped } = parseManifest(`DIST x 1 SHA512 ${S}\n${line}\nDIST y 2 SHA512 ${S}\n`);
  expect(entries.map(({ name }) => String(name))).toEqual(["x", "y"]);
  expect(skipped).toEqual([{ line: 2, text: line }]);
});

test("lines other than DIST are ignored, as in Portage", () => {
  const text = [
    "-----BEGIN PGP SIGNED MESSAGE-----",
    "Hash: SHA512",
    "",
    `AUX fix.patch 733 BLAKE2B ${B} SHA512 ${S}`,
    `EBUILD a-1.ebuild 612 BLAKE2B ${B} SHA512 ${S}`,
    `MISC metadata.xml 353 BLAKE2B ${B} SHA512 ${S}`,
    "MANIFEST Manifest.files.gz 1 SHA512 00",
    "TIMESTAMP 2026-08-21T06:00:00Z",
    `dist a 1 SHA512 ${S}`,
    ` DIST a 1 SHA512 ${S}`,
    "-----BEGIN PGP SIGNATURE-----",
  ].join("\n");
  expect(parseManifest(text)).toEqual({ entries: [], skipped: [], skippedCount: 0 });
});

test("two lines of one name are joined where they agree; otherwise the first counts", () => {
  const agreeing = parseManifest(`DIST a 1 BLAKE2B ${B}\nDIST a 1 SHA512 ${S}\n`);
  expect(agreeing).toEqual({ entries: [entry("a", 1)], skipped: [], skippedCount: 0 });
  for (const second of [`DIST a 2 SHA512 ${S}`, `DIST a 1 BLAKE2B ${S}`]) {
    const { entries, skipped } = parseManifest(`DIST a 1 BLAKE2B ${B}\n${second}\n`);
    expect(entries).toEqual([entry("a", 1, { blake2b: B })]);
    expect(skipped).toEqual([{ line: 2, text: second }]);
  }
});

const hex = fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => bytes.toHex());
const names = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }).filter((text) => !/\s/.test(text));
const entries = fc.uniqueArray(
  fc.record({
    name: names.map(parseDistfileName).filter((name) => name !== undefined),
    size: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    blake2b: hex,
    sha512: hex,
  }),
  { selector: ({ name }) => name },
);

test("DIST lines are read back as written, whatever the names", () => {
  fc.assert(
    fc.property(entries, fc.constantFrom("\n", "\r\n"), (wanted, newline) => {
      const lines = wanted.map((one) => `DIST ${one.name} ${one.size} BLAKE2B ${one.blake2b} SHA512 ${one.sha512}`);
      expect(parseManifest(lines.join(newline))).toEqual({ entries: wanted, skipped: [], skippedCount: 0 });
    }),
  );
});

test("any text is parsed without throwing, to valid file names", () => {
  const token = fc.oneof(fc.constantFrom("DIST", " ", "\n", "\r", "/", "SHA512", "0", "12", S), fc.string());
  fc.assert(
    fc.property(fc.array(token, { maxLength: 60 }), (tokens) => {
      const text = tokens.join("");
      const manifest = parseManifest(text);
      const lines = text.split("\n").filter((line) => line.startsWith("DIST"));
      expect(manifest.entries.every(({ name }) => parseDistfileName(name) === name)).toBe(true);
      expect(manifest.entries.length + manifest.skipped.length).toBeLessThanOrEqual(lines.length);
    }),
  );
});

test("of more names than any package has the first ones count, and of invalid lines the first are kept", () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `DIST f${i} 1 SHA512 ${S}`);
  const { entries, skipped, skippedCount } = parseManifest(lines.join("\n"));
  expect([entries.length, entries.at(-1)?.name as string, skipped.length, skippedCount]).toEqual([
    10_000,
    "f9999",
    100,
    10_000,
  ]);
});
