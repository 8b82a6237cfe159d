/**
 * What lies in the store under a name, and its digests: from the index while nobody touched the file, else read anew.
 * So files found after a lost index, restored from elsewhere or damaged on disk are known for what they are.
 */
import { closeSync, constants, openSync } from "node:fs";
import { type ComputedDigests, compareDigests, type Digests, hasHash } from "../distfile/digests.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { DistfileRow, DistfileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store, StoredFile } from "../store/store.ts";

export interface StoredDistfile {
  readonly file: StoredFile;
  readonly digests: ComputedDigests;
  readonly lastModifiedAt: number;
}

export interface StoredDeps {
  readonly store: Store;
  readonly rows: DistfileRows;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface StoredDistfiles {
  /**
   * The stored file that is one of `contents`, or, where that is empty, the file as it was stored.
   * "stale" where there is a file, but another one.
   */
  find(name: DistfileName, contents: readonly Digests[]): Promise<StoredDistfile | "stale" | undefined>;
}

/** Whether the row tells all that is needed to compare. */
function isKnown(
  row: DistfileRow | undefined,
  file: StoredFile,
  sha512: boolean,
): row is DistfileRow & { blake2b: string } {
  return row !== undefined && row.stamp === file.stamp && row.blake2b !== null && (!sha512 || row.sha512 !== null);
}

function digestsOf(row: DistfileRow & { blake2b: string }): ComputedDigests {
  return { size: row.size, blake2b: row.blake2b, ...(row.sha512 === null ? {} : { sha512: row.sha512 }) };
}

function judge(contents: readonly Digests[], digests: ComputedDigests): "same" | "unbound" | "other" {
  const verdicts = contents.map((content) => compareDigests(content, digests));
  if (verdicts.includes("same")) return "same";
  return contents.length === 0 || verdicts.includes("unknown") ? "unbound" : "other";
}

export function createStoredDistfiles(deps: StoredDeps): StoredDistfiles {
  const { store, rows, hasher, clock, log } = deps;
  const reading = new Map<string, Promise<ComputedDigests>>();

  async function hash(file: StoredFile, sha512: boolean): Promise<ComputedDigests> {
    const fd = openSync(file.path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await hasher.open(fd, { sha512 }).finish(file.size);
    } finally {
      closeSync(fd);
    }
  }

  /** Many asking for one file are served by one reading of it. */
  function read(file: StoredFile, sha512: boolean): Promise<ComputedDigests> {
    const key = `${file.path}\n${file.stamp}\n${sha512}`;
    const digests = reading.get(key) ?? hash(file, sha512).finally(() => reading.delete(key));
    reading.set(key, digests);
    return digests;
  }

  async function digestsNow(name: DistfileName, file: StoredFile, row: DistfileRow | undefined, sha512: boolean) {
    if (isKnown(row, file, sha512)) return { digests: digestsOf(row), changed: false };
    const digests = await read(file, sha512);
    const changed = row !== undefined && row.blake2b !== null && row.blake2b !== digests.blake2b;
    if (changed) log.warn("{file} was changed on disk by somebody else", { file: file.path });
    else remember(name, file, row, digests);
    return { digests, changed };
  }

  function remember(
    name: DistfileName,
    file: StoredFile,
    row: DistfileRow | undefined,
    digests: ComputedDigests,
  ): void {
    try {
      putRow(name, file, row, digests);
    } catch (error) {
      // Then it is read again the next time.
      log.warn("Cannot note in the index what {file} is: {error}", { file: file.path, error });
    }
  }

  function forget(name: DistfileName): void {
    try {
      rows.forget(name);
    } catch (error) {
      // Then it is found out again the next time.
      log.warn("Cannot note in the index that {file} is gone: {error}", { file: name, error });
    }
  }

  function putRow(name: DistfileName, file: StoredFile, row: DistfileRow | undefined, digests: ComputedDigests): void {
    rows.put({
      name,
      size: file.size,
      blake2b: digests.blake2b,
      sha512: digests.sha512 ?? null,
      stamp: file.stamp,
      lastModifiedAt: file.modifiedAt,
      source: row?.source ?? "",
      storedAt: row?.storedAt ?? clock.now(),
      usedAt: row?.usedAt ?? clock.now(),
      verifiedAt: clock.now(),
      badStamp: null,
    });
  }

  /** The file with its digests, if it is one of the contents and can be read. */
  async function check(
    name: DistfileName,
    file: StoredFile,
    row: DistfileRow | undefined,
    contents: readonly Digests[],
  ) {
    if (contents.length > 0 && contents.every((content) => content.size !== file.size)) return undefined;
    const sha512 = contents.some((content) => hasHash(content) && content.blake2b === undefined);
    const { digests, changed } = await digestsNow(name, file, row, sha512);
    // Somebody may have put another one there while it was read.
    if (!store.isSame(file)) return undefined;
    const verdict = judge(contents, digests);
    if (verdict === "same" && changed) remember(name, file, row, digests);
    // Where nothing binds the content, all there is to go by is that nobody changed it since it was stored.
    const good = verdict === "same" || (verdict === "unbound" && !changed);
    return good ? { file, digests, lastModifiedAt: file.modifiedAt } : undefined;
  }

  return {
    async find(name, contents) {
      const row = rows.get(name);
      const file = store.stat(name);
      if (!file) {
        if (row) forget(name);
        return undefined;
      }
      // Hashed and found wrong since it was last touched.
      if (row?.badStamp === file.stamp) return "stale";
      try {
        return (await check(name, file, row, contents)) ?? "stale";
      } catch (error) {
        log.warn("Cannot read {file}, it is fetched again: {error}", { file: file.path, error });
        return "stale";
      }
    },
  };
}
