/**
 * Hashes a stored file no faster than a limit, and compares its digests with the Manifests' and with the one that it was stored
 * with.
 */
import { closeSync, constants, openSync } from "node:fs";
import { type ComputedDigests, compareDigests, type Digests, type HashAlgorithm } from "../distfile/digests.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { FileRow } from "../index/files.ts";
import type { StoredFile } from "../store/store.ts";

/**
 * "right": matches a Manifest. "stale": as it was stored, but Manifests list other content by now. "unverified": as it was
 * stored, and no Manifest lists it. "wrong": neither.
 */
export type DigestState = "right" | "stale" | "unverified" | "wrong";

/** Compares the computed digests (pure). @param known BLAKE2B when it was stored; null if it was never read */
export function verifyDigests(
  contents: readonly Digests[],
  known: string | null,
  computed: ComputedDigests,
): DigestState {
  const comparisons = contents.map((content) => compareDigests(content, computed));
  if (comparisons.includes("same")) return "right";
  const unchanged = known === computed.blake2b;
  if (contents.length === 0 || comparisons.includes("unknown"))
    return unchanged || known === null ? "unverified" : "wrong";
  return unchanged ? "stale" : "wrong";
}

/** Waits until that many more bytes may be read. */
export type ReadLimit = (bytes: number, signal: AbortSignal) => Promise<void>;

const SLICE_BYTES = 1024 * 1024;

/**
 * Hashes a whole file no faster than the limit allows.
 * @throws {Error} if it cannot be read, and the signal's reason
 */
export async function hashAtRate(
  file: StoredFile,
  options: {
    readonly algorithms: readonly HashAlgorithm[];
    readonly readLimit: ReadLimit;
    readonly hasher: Hasher;
    readonly signal: AbortSignal;
  },
): Promise<ComputedDigests> {
  const { algorithms, readLimit, hasher, signal } = options;
  const fd = openSync(file.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const job = hasher.open(fd, algorithms);
  try {
    for (let at = 0; at < file.size; at += SLICE_BYTES) {
      const end = Math.min(file.size, at + SLICE_BYTES);
      job.advance(end);
      await readLimit(end - at, signal);
    }
    return await job.finish(file.size);
  } finally {
    await job.cancel();
    closeSync(fd);
  }
}

/** A stored file to verify, with what the index and the Manifests say of it. */
export interface VerifiedFile {
  readonly name: FileName;
  readonly file: StoredFile;
  readonly row: FileRow | undefined;
  readonly contents: readonly Digests[];
}
