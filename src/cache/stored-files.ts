/**
 * Finds what is stored under a name, and its digests: from the index while nobody touched the file, else read again. So files of
 * both kinds that are found after a lost index, restored from elsewhere or damaged on disk are known for what they are.
 */
import { closeSync, constants, openSync } from "node:fs";
import {
  type ComputedDigests,
  compareDigests,
  type Digests,
  type HashAlgorithm,
  hasAlgorithms,
  neededAlgorithms,
} from "../distfile/digests.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import { digestColumns, digestsOfRow, type FileRow, type FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store, StoredFile } from "../store/store.ts";

/** A stored file whose bytes are known. */
export interface StoredContent {
  readonly file: StoredFile;
  readonly digests: ComputedDigests;
}

export interface StoredFiles {
  /**
   * Finds the stored file that is one of `contents`, or, where that is empty, the file as it was stored.
   * @param row of that name, where the caller has read it already
   * @returns "stale" where there is a file, but another one
   */
  find(
    name: FileName,
    contents: readonly Digests[],
    row?: FileRow | undefined,
  ): Promise<StoredContent | "stale" | undefined>;
  /** Removes a file and forgets its row; who reads it reads on. */
  remove(name: FileName): Promise<void>;
}

export interface StoredFilesDeps {
  readonly store: Pick<Store, "stat" | "lookProblem" | "isSame" | "remove">;
  readonly rows: Pick<FileRows, "get" | "put" | "markBad" | "forget">;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns the digests from the row, if it has all that are needed to compare. */
function knownDigests(
  row: FileRow | undefined,
  file: StoredFile,
  algorithms: readonly HashAlgorithm[],
): ComputedDigests | undefined {
  const digests = row?.stamp === file.stamp ? digestsOfRow(row) : undefined;
  return digests && hasAlgorithms(digests, algorithms) ? digests : undefined;
}

/** Returns whether bytes with these digests may be served as one of the contents. */
function isGood(contents: readonly Digests[], digests: ComputedDigests, isChanged: boolean): boolean {
  const results = contents.map((content) => compareDigests(content, digests));
  if (results.includes("same")) return true;
  // Where nothing binds the content, all there is to go by is that nobody changed it since it was stored.
  return !isChanged && (contents.length === 0 || results.includes("unknown"));
}

export function createStoredFiles({ store, rows, hasher, clock, log }: StoredFilesDeps): StoredFiles {
  const reading = new Map<string, Promise<ComputedDigests>>();

  async function hash(file: StoredFile, algorithms: readonly HashAlgorithm[]): Promise<ComputedDigests> {
    const fd = openSync(file.path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await hasher.open(fd, algorithms).finish(file.size);
    } finally {
      closeSync(fd);
    }
  }

  /** Many requests for one file share one reading of it. */
  function read(file: StoredFile, algorithms: readonly HashAlgorithm[]): Promise<ComputedDigests> {
    const key = `${file.path}\n${file.stamp}\n${algorithms}`;
    const digests = reading.get(key) ?? hash(file, algorithms).finally(() => reading.delete(key));
    reading.set(key, digests);
    return digests;
  }

  /** Writes the row; what the index does not take is found out again the next time. */
  function note(file: StoredFile, write: () => void): void {
    try {
      write();
    } catch (error) {
      log.warn("Cannot note in the index what {file} is: {error}", { file: file.path, error });
    }
  }

  function remember(name: FileName, file: StoredFile, row: FileRow | undefined, digests: ComputedDigests): void {
    const now = clock.now();
    note(file, () =>
      rows.put({
        name,
        ...digestColumns(digests),
        stamp: file.stamp,
        source: row?.source ?? "",
        storedAt: row?.storedAt ?? now,
        usedAt: row?.usedAt ?? now,
        verifiedAt: now,
        badStamp: null,
      }),
    );
  }

  function forget(name: FileName): void {
    try {
      rows.forget(name);
    } catch (error) {
      // Then it is found out again the next time.
      log.warn("Cannot note in the index that {file} is gone: {error}", { file: name, error });
    }
  }

  /** A file that cannot be looked at is fetched again, and keeps its row: it may be there. */
  function forgetIfGone(name: FileName): void {
    const reason = store.lookProblem(name);
    if (reason === undefined) forget(name);
    else log.warn("Cannot look at the stored {file}: {reason}", { file: name, reason });
  }

  /** Reads and hashes a file that the index does not know as it is now. */
  async function reread(
    name: FileName,
    file: StoredFile,
    row: FileRow | undefined,
    contents: readonly Digests[],
  ): Promise<StoredContent | undefined> {
    const digests = await read(file, neededAlgorithms(contents));
    // Somebody may have put another one there while it was read.
    if (!store.isSame(file)) return undefined;
    const isChanged = typeof row?.blake2b === "string" && row.blake2b !== digests.blake2b;
    const good = isGood(contents, digests, isChanged);
    if (isChanged) log.warn("{file} was changed on disk by somebody else", { file: file.path });
    if (isChanged && !good) note(file, () => rows.markBad(name, file.stamp, clock.now()));
    else remember(name, file, row, digests);
    return good ? { file, digests } : undefined;
  }

  /** The file with its digests, if it is one of the contents and can be read. */
  async function check(
    name: FileName,
    file: StoredFile,
    row: FileRow | undefined,
    contents: readonly Digests[],
  ): Promise<StoredContent | undefined> {
    if (contents.length > 0 && contents.every((content) => content.size !== file.size)) return undefined;
    const digests = knownDigests(row, file, neededAlgorithms(contents));
    if (!digests) return await reread(name, file, row, contents);
    return isGood(contents, digests, false) ? { file, digests } : undefined;
  }

  return {
    async find(name, contents, row = rows.get(name)) {
      const file = store.stat(name);
      if (!file) {
        if (row) forgetIfGone(name);
        return undefined;
      }
      // Hashed and found wrong since it was last touched.
      if (row?.badStamp === file.stamp) return "stale";
      try {
        return (await check(name, file, row, contents)) ?? "stale";
      } catch (error) {
        log.warn("Cannot read {file}: {error}. It is fetched again.", { file: file.path, error });
        return "stale";
      }
    },
    async remove(name) {
      forget(name);
      try {
        await store.remove(name);
      } catch (error) {
        log.warn("Cannot remove {file}: {error}", { file: name, error });
      }
    },
  };
}
