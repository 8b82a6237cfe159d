/**
 * Reads the digest of a snapshot or a stage from its digest file (pure): `F.md5sum`, `F.sha256`, `F.DIGESTS` as Gentoo's
 * releases have them, clear-signed or not. Lines are `HEX  NAME`; where two hashes have one length, a comment before the lines
 * (`# BLAKE2B HASH`) names the hash.
 */
import { MAX_LINE_CHARACTERS } from "../lib/text.ts";
import type { HashAlgorithm } from "./digests.ts";

export type DigestAlgorithm = "BLAKE2B" | HashAlgorithm;

export interface NamedDigest {
  readonly algorithm: DigestAlgorithm;
  /** Lower case. */
  readonly hex: string;
}

const BY_LENGTH: Readonly<Record<number, DigestAlgorithm>> = { 32: "MD5", 40: "SHA1", 64: "SHA256", 128: "SHA512" };
const LINE = /^([0-9a-fA-F]{32,128})[ \t]+\*?(\S+)$/;
const HEADING = /^#\s*(\w+)\s+HASH\b/;
/** The first that is there counts. BLAKE2B is computed anyway. */
const PREFERENCE: readonly DigestAlgorithm[] = ["BLAKE2B", "SHA512", "SHA256", "SHA1", "MD5"];

/** @param name last component of the file's path */
export function digestIn(text: string, name: string): NamedDigest | undefined {
  const found: NamedDigest[] = [];
  let heading = "";
  for (const line of text.split(/\r?\n/)) {
    if (line.length > MAX_LINE_CHARACTERS) continue;
    heading = HEADING.exec(line)?.[1]?.toUpperCase() ?? heading;
    const [, hex = "", file = ""] = LINE.exec(line) ?? [];
    if (file.slice(file.lastIndexOf("/") + 1) !== name) continue;
    const byLength = BY_LENGTH[hex.length];
    const algorithm = byLength === "SHA512" && heading === "BLAKE2B" ? "BLAKE2B" : byLength;
    if (algorithm) found.push({ algorithm, hex: hex.toLowerCase() });
  }
  return found.toSorted((a, b) => PREFERENCE.indexOf(a.algorithm) - PREFERENCE.indexOf(b.algorithm))[0];
}
