/**
 * Makes the contents of test distfiles: given bytes, or pseudo-random bytes of any length that are generated when they are read.
 * Generated content repeats one block in which every page carries its number, so that no two pages of a file, nor the same page
 * of two seeds, are alike: bytes at a wrong position are always noticed.
 */
import { createHash } from "node:crypto";
import type { Digests } from "../distfile/digests.ts";

/** Content generated from a seed; contents with the same seed share their beginning. */
export interface GeneratedContent {
  readonly size: number;
  readonly seed: number;
}

export type Content = string | Uint8Array | GeneratedContent;

const BLOCK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
const STAMP_BYTES = 8;

const blocks = new Map<number, Uint8Array>();

/** Returns a cached block of pseudo-random bytes (Marsaglia's xorshift32). */
function blockOf(seed: number): Uint8Array {
  const known = blocks.get(seed);
  if (known) return known;
  const words = new Uint32Array(BLOCK_BYTES / 4);
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  const block = new Uint8Array(words.buffer);
  blocks.set(seed, block);
  return block;
}

function stampOf(page: number, seed: number): Uint8Array {
  const stamp = new Uint8Array(STAMP_BYTES);
  const view = new DataView(stamp.buffer);
  view.setUint32(0, page);
  view.setUint32(4, Math.imul(page + 1, 2246822519) ^ seed);
  return stamp;
}

function generate({ seed }: GeneratedContent, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  const block = blockOf(seed);
  for (let at = start; at < end; ) {
    const from = at % BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES - from, end - at);
    bytes.set(block.subarray(from, from + length), at - start);
    at += length;
  }
  for (let page = Math.floor(start / PAGE_BYTES); page * PAGE_BYTES < end; page++) {
    const stamp = stampOf(page, seed);
    const at = page * PAGE_BYTES - start;
    if (at >= 0 && at + STAMP_BYTES <= bytes.length) bytes.set(stamp, at);
    else for (let i = 0; i < STAMP_BYTES; i++) if (at + i >= 0 && at + i < bytes.length) bytes[at + i] = stamp[i] ?? 0;
  }
  return bytes;
}

function isGenerated(content: Content): content is GeneratedContent {
  return typeof content !== "string" && !(content instanceof Uint8Array);
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : content;
}

export function sizeOf(content: Content): number {
  return isGenerated(content) ? content.size : bytesOf(content).length;
}

/** Returns the bytes from `start` up to but not including `end`, both within the content. */
export function readContent(content: Content, start = 0, end = sizeOf(content)): Uint8Array {
  return isGenerated(content) ? generate(content, start, end) : bytesOf(content).subarray(start, end);
}

/** Returns content with the same beginning and another size; given bytes are followed by zeros. */
export function resizeContent(content: Content, size: number): Content {
  if (isGenerated(content)) return { ...content, size };
  const bytes = new Uint8Array(size);
  bytes.set(bytesOf(content).subarray(0, size));
  return bytes;
}

/** Returns size and both hashes, as in a Manifest; takes about 4 s per GiB. */
export function digestsOf(content: Content): Required<Omit<Digests, "other">> {
  const size = sizeOf(content);
  const blake2b = createHash("blake2b512");
  const sha512 = createHash("sha512");
  for (let at = 0; at < size; at += BLOCK_BYTES) {
    const bytes = readContent(content, at, Math.min(at + BLOCK_BYTES, size));
    blake2b.update(bytes);
    sha512.update(bytes);
  }
  return { size, blake2b: blake2b.digest("hex"), sha512: sha512.digest("hex") };
}

/** Formats the DIST line of a file, with the hashes that `digests` has. */
export function distLine(name: string, { size, blake2b, sha512, other }: Digests): string {
  const hashes = [
    ...(blake2b ? ["BLAKE2B", blake2b] : []),
    ...(sha512 ? ["SHA512", sha512] : []),
    ...(other ? [other] : []),
  ];
  return ["DIST", name, size, ...hashes].join(" ");
}
