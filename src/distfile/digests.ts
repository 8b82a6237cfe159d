/**
 * Describes what a Manifest promises of a file's bytes: its size and hashes (GLEP 74, `DIST name size HASH hex …`). The strongest
 * hash that can be computed here decides: BLAKE2B, else SHA512, else the best of the others. A size alone proves nothing.
 */
import { plural } from "../lib/format.ts";
import { keysOf } from "../lib/records.ts";
import type { DistfileName } from "./name.ts";

/**
 * Names in node:crypto of the other hashes that Portage knows (portage: checksum.py), the strongest first. WHIRLPOOL and the
 * STREEBOGs are missing: they cannot be computed here.
 */
const OTHER_HASHES = {
  SHA3_512: "sha3-512",
  SHA3_256: "sha3-256",
  SHA256: "sha256",
  BLAKE2S: "blake2s256",
  RMD160: "rmd160",
  SHA1: "sha1",
  MD5: "md5",
} as const;

export type OtherAlgorithm = keyof typeof OTHER_HASHES;
/** An algorithm that is computed on demand, beside BLAKE2B. */
export type HashAlgorithm = "SHA512" | OtherAlgorithm;
/** As a DIST line has it, in lower-case hex: `SHA256 9f86d0…`. */
export type OtherHash = `${OtherAlgorithm} ${string}`;

/** The strongest first. */
export const OTHER_ALGORITHMS: readonly OtherAlgorithm[] = keysOf(OTHER_HASHES);

/** Returns the algorithm's name in node:crypto. */
export function cryptoName(algorithm: HashAlgorithm): string {
  return algorithm === "SHA512" ? "sha512" : OTHER_HASHES[algorithm];
}

/** Size in bytes; hashes in lower-case hex, 128 digits each. */
export interface Digests {
  readonly size: number;
  readonly blake2b?: string;
  readonly sha512?: string;
  /** The strongest of the other hashes, of a line with neither of these two. */
  readonly other?: OtherHash;
}

/** One DIST line. */
export interface DistEntry extends Digests {
  readonly name: DistfileName;
}

/** Digests computed from the bytes of a file: BLAKE2B always, the others only on demand. */
export interface ComputedDigests {
  readonly size: number;
  readonly blake2b: string;
  readonly sha512?: string;
  readonly others?: readonly OtherHash[];
}

export function algorithmOf(hash: OtherHash): OtherAlgorithm {
  return hash.slice(0, hash.indexOf(" ")) as OtherAlgorithm;
}

/** Returns whether a hash binds the content; a DIST line without one that can be computed gives a size and no more. */
export function hasHash({ blake2b, sha512, other }: Digests): boolean {
  return (blake2b ?? sha512 ?? other) !== undefined;
}

/** Returns what has to be computed beside BLAKE2B to compare a file with all of the contents. */
export function neededAlgorithms(contents: readonly Digests[]): readonly HashAlgorithm[] {
  const needed = contents.flatMap(({ blake2b, sha512, other }): readonly HashAlgorithm[] => {
    if (blake2b !== undefined) return [];
    if (sha512 !== undefined) return ["SHA512"];
    return other === undefined ? [] : [algorithmOf(other)];
  });
  return [...new Set(needed)];
}

/** Returns whether a file with these digests was hashed by all of the algorithms. */
export function hasAlgorithms({ sha512, others = [] }: ComputedDigests, algorithms: readonly HashAlgorithm[]): boolean {
  return algorithms.every((algorithm) =>
    algorithm === "SHA512" ? sha512 !== undefined : others.some((hash) => algorithmOf(hash) === algorithm),
  );
}

/** Identifies a content; two lines that share a hash mean the same bytes. */
export function contentKey(digests: Digests | undefined): string {
  return digests ? (digests.blake2b ?? digests.sha512 ?? digests.other ?? `size ${digests.size}`) : "";
}

/**
 * Compares computed digests with those of a Manifest, by its strongest hash. Returns "unknown" where the size agrees, but no
 * hash is known on both sides.
 */
export function compareDigests(expected: Digests, computed: ComputedDigests): "same" | "different" | "unknown" {
  if (expected.size !== computed.size) return "different";
  const [algorithm] = neededAlgorithms([expected]);
  if (expected.blake2b !== undefined) return expected.blake2b === computed.blake2b ? "same" : "different";
  if (algorithm === undefined || !hasAlgorithms(computed, [algorithm])) return "unknown";
  if (algorithm === "SHA512") return expected.sha512 === computed.sha512 ? "same" : "different";
  return expected.other !== undefined && computed.others?.includes(expected.other) ? "same" : "different";
}

/** Returns each thing once, as `a or b`. */
function either(things: readonly string[]): string {
  return [...new Set(things)].join(" or ");
}

/** Names the digest by which a Manifest tells right from wrong, as `BLAKE2B 9f86…`. */
function expectedDigest({ blake2b, sha512, other }: Digests): string {
  if (blake2b !== undefined) return `BLAKE2B ${blake2b}`;
  return sha512 === undefined ? (other ?? "") : `SHA512 ${sha512}`;
}

/** Returns the digest that was found by the same algorithm. */
function foundDigest(expected: Digests, { blake2b, sha512, others = [] }: ComputedDigests): string {
  if (expected.blake2b !== undefined) return `BLAKE2B ${blake2b}`;
  if (expected.sha512 !== undefined) return `SHA512 ${sha512}`;
  const { other } = expected;
  return others.find((hash) => other !== undefined && algorithmOf(hash) === algorithmOf(other)) ?? "";
}

/** Says of a wrong file which digests were expected and which were found, as after a colon. */
export function differenceText(contents: readonly Digests[], computed: ComputedDigests): string {
  const found = either(contents.map((content) => foundDigest(content, computed)));
  return `expected ${either(contents.map(expectedDigest))}, found ${found}`;
}

/** Says the same of a file of another size. */
export function sizesText(contents: readonly Digests[], size: number): string {
  return `expected ${either(contents.map((content) => plural(content.size, "byte")))}, found ${plural(size, "byte")}`;
}
