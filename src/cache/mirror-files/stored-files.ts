/**
 * What is stored at a path, and what is known of it: from the index while nobody touched the file, else read anew. One that the
 * index does not know, as after it was lost, is whole all the same; nobody knows how old it is, so a mirror is asked before it
 * is used.
 */
import { closeSync, constants, openSync } from "node:fs";
import type { Hasher } from "../../distfile/hasher.ts";
import { type MirrorPath, stemOf } from "../../distfile/mirror-path.ts";
import type { MirrorFileRow, MirrorFileRows } from "../../index/mirror-files.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { MirrorFiles } from "../../store/mirror-files.ts";
import type { StoredFile } from "../../store/stored-file.ts";
import { freshenedBy } from "./http-metadata.ts";

export interface KeptFile {
  readonly file: StoredFile;
  readonly row: MirrorFileRow;
}

export interface Confirmation {
  readonly url: string;
  readonly fields: Headers;
  readonly askedAt: number;
}

export interface KeptFiles {
  /** Undefined also where its bytes are not those that were stored. */
  get(path: MirrorPath): Promise<KeptFile | undefined>;
  /** BLAKE2B of its bytes, read where that is not known. @throws {Error} where they can't be read */
  blake2bOf(kept: KeptFile): Promise<string>;
  /** A mirror has said that it is the current one. */
  freshen(kept: KeptFile, answer: Confirmation): void;
  /** From the call on there is none; who reads it reads on. */
  remove(path: MirrorPath): Promise<void>;
  /** Makes the index agree with the disk after a start. */
  recover(): Promise<void>;
}

export interface KeptFilesDeps {
  readonly files: MirrorFiles;
  readonly rows: MirrorFileRows;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly log: Logger;
}

const MOST_MEDDLED = 1000;

export function createKeptFiles({ files, rows, hasher, clock, log }: KeptFilesDeps): KeptFiles {
  const reading = new Map<string, Promise<string>>();

  /** Paths whose file is not what was stored, under this stamp. */
  const meddled = new Map<MirrorPath, string>();

  function remember(row: MirrorFileRow): void {
    try {
      rows.put(row);
    } catch (error) {
      // Then it is found out again the next time.
      log.warn("Cannot note in the index what {file} is: {error}", { file: row.path, error });
    }
  }

  function adopted(path: MirrorPath, file: StoredFile): MirrorFileRow {
    const now = clock.now();
    const row: MirrorFileRow = {
      path,
      stem: stemOf(path),
      size: file.size,
      blake2b: null,
      stamp: file.stamp,
      lastModifiedAt: file.modifiedAt,
      source: "",
      etag: null,
      lastModified: new Date(file.modifiedAt).toUTCString(),
      cacheControl: "",
      expiresAt: null,
      dateAt: file.modifiedAt,
      answeredAt: now,
      initialAgeMs: 0,
      outdated: true,
      verifiedAt: null,
      storedAt: file.modifiedAt,
      usedAt: now,
      uses: 0,
      heat: 1,
    };
    remember(row);
    return row;
  }

  function forget(path: MirrorPath): void {
    try {
      rows.forget(path);
    } catch (error) {
      log.warn("Cannot note in the index that {file} is gone: {error}", { file: path, error });
    }
  }

  async function hash(file: StoredFile): Promise<string> {
    const fd = openSync(file.path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return (await hasher.open(fd, { sha512: false }).finish(file.size)).blake2b;
    } finally {
      closeSync(fd);
    }
  }

  /** Many asking for one file are served by one reading of it. */
  async function read(file: StoredFile): Promise<string> {
    const key = `${file.path}\n${file.stamp}`;
    const digest = reading.get(key) ?? hash(file).finally(() => reading.delete(key));
    reading.set(key, digest);
    return await digest;
  }

  /** Whether a file that was touched since has the bytes that it had, as after the store was copied. */
  async function isUnchanged(file: StoredFile, row: MirrorFileRow): Promise<boolean> {
    if (file.size !== row.size || meddled.get(row.path) === file.stamp) return false;
    if ((await read(file)) === row.blake2b) return true;
    log.warn("{file} was changed on disk by somebody else", { file: file.path });
    if (meddled.size >= MOST_MEDDLED) meddled.clear();
    meddled.set(row.path, file.stamp);
    return false;
  }

  async function recheck(file: StoredFile, row: MirrorFileRow): Promise<KeptFile | undefined> {
    if (row.blake2b === null) return { file, row: adopted(row.path, file) };
    try {
      if (!(await isUnchanged(file, row))) return undefined;
    } catch (error) {
      log.warn("Cannot read {file}, it is fetched again: {error}", { file: file.path, error });
      return undefined;
    }
    const seen = { ...row, stamp: file.stamp };
    remember(seen);
    return { file, row: seen };
  }

  return {
    async get(path) {
      const row = rows.get(path);
      const file = files.stat(path);
      if (!file) {
        if (row) forget(path);
        return undefined;
      }
      if (!row) return { file, row: adopted(path, file) };
      return row.stamp === file.stamp ? { file, row } : await recheck(file, row);
    },
    async blake2bOf({ file, row }) {
      if (row.blake2b !== null) return row.blake2b;
      const blake2b = await read(file);
      rows.identify(row.path, blake2b);
      return blake2b;
    },
    freshen({ row }, { url, fields, askedAt }) {
      // One found on disk is taken for that of the first mirror that has one of the same time.
      const source = row.source === "" && fields.get("last-modified") === row.lastModified ? url : row.source;
      // Another mirror's validators say nothing to the one that it came from, and may be older.
      const own = url === source ? {} : { etag: row.etag, lastModified: row.lastModified };
      try {
        rows.freshen(row.path, { ...freshenedBy(fields, row, askedAt, clock.now()), ...own, source });
      } catch (error) {
        log.warn("Cannot note in the index that {file} is current: {error}", { file: row.path, error });
      }
    },
    async remove(path) {
      forget(path);
      try {
        await files.remove(path);
      } catch (error) {
        log.warn("Cannot remove {file}: {error}", { file: path, error });
      }
    },
    async recover() {
      const unseen = new Set(rows.paths());
      for await (const { path, file } of files.scan()) {
        if (!unseen.delete(path) && !rows.get(path)) adopted(path, file);
      }
      // One fetched since the scan passed its folder is there all the same.
      for (const path of unseen) if (!files.stat(path)) forget(path);
    },
  };
}
