/**
 * What a Manifest promises of a file's bytes: its size and hashes (GLEP 74, `DIST name size HASH hex …`).
 * Only BLAKE2B and SHA512, today's Manifest hashes (GLEP 59 and its successors), bind a download;
 * BLAKE2B alone is enough where it is known.
 */
import type { DistfileName } from "./name.ts";

/** Size in bytes; hashes in lower-case hex, 128 digits each. */
export interface Digests {
  readonly size: number;
  readonly blake2b?: string;
  readonly sha512?: string;
}

/** One DIST line. */
export interface DistEntry extends Digests {
  readonly name: DistfileName;
}

/** What was computed from the bytes of a file; sha512 and `other` only where they were asked for. */
export interface ComputedDigests {
  readonly size: number;
  readonly blake2b: string;
  readonly sha512?: string;
  /** By whichever further algorithm. */
  readonly other?: string;
}

/** Whether a hash binds the content; a DIST line of old hashes alone gives a size and no more. */
export function hasHash(digests: Digests): boolean {
  return digests.blake2b !== undefined || digests.sha512 !== undefined;
}

/** Whether the bytes can only be compared by SHA512 with some of the contents. */
export function needsSha512(contents: readonly Digests[]): boolean {
  return contents.some((content) => hasHash(content) && content.blake2b === undefined);
}

/** Tells contents apart; two lines that share a hash mean the same bytes. */
export function contentKey(digests: Digests | undefined): string {
  return digests ? (digests.blake2b ?? digests.sha512 ?? `size ${digests.size}`) : "";
}

/**
 * Whether bytes with the computed digests are those that the Manifest means.
 * "unknown" where size agrees but no hash is known on both sides.
 */
export function compareDigests(expected: Digests, computed: ComputedDigests): "same" | "different" | "unknown" {
  if (expected.size !== computed.size) return "different";
  if (expected.blake2b !== undefined) return expected.blake2b === computed.blake2b ? "same" : "different";
  if (expected.sha512 === undefined || computed.sha512 === undefined) return "unknown";
  return expected.sha512 === computed.sha512 ? "same" : "different";
}
