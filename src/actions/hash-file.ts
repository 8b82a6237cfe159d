/**
 * Whether a stored file still has the bytes it should have: those that a Manifest wants, else those it was stored with.
 */
import { closeSync, constants, openSync } from "node:fs";
import { type ComputedDigests, compareDigests, type Digests } from "../distfile/digests.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { FileRow } from "../index/files.ts";
import type { StoredFile } from "../store/store.ts";

/**
 * "right": what a Manifest wants. "stale": as it was stored, but Manifests want something else by now. "unverified": as
 * it was stored, and no Manifest says what it should be. "wrong": neither what a Manifest wants nor what was stored.
 */
export type Verdict = "right" | "stale" | "unverified" | "wrong";

/** Pure. @param known BLAKE2B of the bytes as they were stored; null where they were never read */
export function judgeFile(contents: readonly Digests[], known: string | null, computed: ComputedDigests): Verdict {
  const verdicts = contents.map((content) => compareDigests(content, computed));
  if (verdicts.includes("same")) return "right";
  const unchanged = known === computed.blake2b;
  if (contents.length === 0 || verdicts.includes("unknown"))
    return unchanged || known === null ? "unverified" : "wrong";
  return unchanged ? "stale" : "wrong";
}

/** Waits as long as reading so many bytes should take, and no longer than that. */
export type Pace = (bytes: number, signal: AbortSignal) => Promise<void>;

const SLICE_BYTES = 1024 * 1024;

/**
 * Reads a whole file no faster than the pace allows.
 * @throws {Error} where it can't be read, and the signal's reason
 */
export async function hashSlowly(
  file: StoredFile,
  options: { readonly sha512: boolean; readonly pace: Pace; readonly hasher: Hasher; readonly signal: AbortSignal },
): Promise<ComputedDigests> {
  const { sha512, pace, hasher, signal } = options;
  const fd = openSync(file.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const job = hasher.open(fd, { sha512 });
  try {
    for (let at = 0; at < file.size; at += SLICE_BYTES) {
      const end = Math.min(file.size, at + SLICE_BYTES);
      job.advance(end);
      await pace(end - at, signal);
    }
    return await job.finish(file.size);
  } finally {
    await job.cancel();
    closeSync(fd);
  }
}

export interface Checked {
  readonly name: FileName;
  readonly file: StoredFile;
  readonly row: FileRow | undefined;
  readonly contents: readonly Digests[];
}
