/**
 * Whether stored files that no Manifest tells of still have the bytes with which they were stored; one that has not goes to
 * nobody any more, and is fetched again when it is next asked for.
 */
import type { MirrorPath } from "../distfile/mirror-path.ts";
import type { MirrorFileRows } from "../index/mirror-files.ts";
import type { Clock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { MirrorFiles } from "../store/mirror-files.ts";
import type { StoredFile } from "../store/stored-file.ts";

/** BLAKE2B of the file, read as slowly as it should be. */
export type Reread = (file: StoredFile) => Promise<string>;

export interface BadKeptFile {
  readonly name: MirrorPath;
  readonly size: number;
  /** Sentence part. */
  readonly problem: string;
  readonly outcome: "unrepaired" | "removed";
}

export interface VerifyKept {
  /** "unverified": as it was stored. "changed": replaced while it was read. */
  one(
    path: MirrorPath,
    repair: boolean,
    reread: Reread,
    signal: AbortSignal,
  ): Promise<BadKeptFile | "unverified" | "missing" | "changed">;
}

export interface VerifyKeptDeps {
  readonly files: MirrorFiles;
  readonly rows: MirrorFileRows;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createVerifyKept({ files, rows, clock, log }: VerifyKeptDeps): VerifyKept {
  async function problemOf(
    path: MirrorPath,
    file: StoredFile,
    reread: Reread,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      const known = rows.get(path)?.blake2b ?? null;
      const blake2b = await reread(file);
      if (known !== null && known !== blake2b) return "has other bytes than were stored";
      if (files.stat(path)?.stamp === file.stamp) rows.verified(path, { blake2b, stamp: file.stamp }, clock.now());
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return `cannot be read: ${reasonOf(error)}`;
    }
  }

  return {
    async one(path, repair, reread, signal) {
      const file = files.stat(path);
      if (!file) {
        rows.forget(path);
        return "missing";
      }
      const problem = await problemOf(path, file, reread, signal);
      if (files.stat(path)?.stamp !== file.stamp) return "changed";
      if (problem === undefined) return "unverified";
      // With no stamp it is read anew before anybody gets it, and found wrong.
      rows.spoil(path, clock.now());
      const outcome = repair ? "removed" : "unrepaired";
      if (repair) {
        rows.forget(path);
        await files.remove(path);
      }
      log.error("{file} {problem}: {outcome}", { file: file.path, problem, outcome });
      return { name: path, size: file.size, problem, outcome };
    },
  };
}
