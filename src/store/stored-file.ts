/**
 * Describes a whole file on disk by its metadata, and makes its name last.
 */
import { type BigIntStats, lstatSync } from "node:fs";
import { open } from "node:fs/promises";
import { reasonOf } from "../lib/error-reason.ts";
import { saysAbsent } from "../lib/exists.ts";

/** A file in the store. */
export interface StoredFile {
  readonly path: string;
  readonly size: number;
  readonly modifiedAt: number;
  /** Changes whenever anybody touches the file: size, mtime and ctime in nanoseconds. */
  readonly stamp: string;
}

export function describe(path: string, stats: BigIntStats): StoredFile {
  return {
    path,
    size: Number(stats.size),
    modifiedAt: Number(stats.mtimeMs),
    stamp: `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
  };
}

/** Plain files only: a link could lead to any file of this machine, and would be served. */
export function statFile(path: string): StoredFile | undefined {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() ? describe(path, stats) : undefined;
  } catch {
    // lookProblem() tells whether that means that there is none.
    return undefined;
  }
}

/** Returns why a path cannot be looked at, which does not mean that no file is there; undefined where that is known. */
export function lookProblem(path: string): string | undefined {
  try {
    lstatSync(path);
    return undefined;
  } catch (error) {
    return saysAbsent(error) ? undefined : reasonOf(error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Returns a function that syncs a folder soon. Names that come into one folder while another is synced share one fsync. Where that
 * fails nothing can be done: a name that is not on the disk by then is missed after a power cut.
 */
export function createFolderSyncs(): (path: string) => void {
  const due = new Set<string>();
  let syncing = false;

  async function sync(): Promise<void> {
    for (const path of due) {
      // What is renamed into it from now on takes another fsync.
      due.delete(path);
      await syncFolder(path).catch(() => undefined);
    }
    syncing = false;
  }

  return (path) => {
    due.add(path);
    if (syncing) return;
    syncing = true;
    void sync();
  };
}
