/**
 * What else than distfiles is stored: `snapshots/`, `releases/` and `experimental/` beside distfiles/, as a mirror has them, whole
 * files only. A mirror may make a folder of what was a file: what is in the way of a file is never removed for it.
 */

import { createHash } from "node:crypto";
import { existsSync, fstatSync, lstatSync } from "node:fs";
import { mkdir, opendir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { MIRROR_FOLDERS, type MirrorPath, parseMirrorPath } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { PartFile } from "./part-file.ts";
import type { Store } from "./store.ts";
import { describe, type StoredFile, settleFolders, statFile } from "./stored-file.ts";

export interface MirrorFiles {
  /** The file, or undefined where there is none (or no plain file) at that path. */
  stat(path: MirrorPath): StoredFile | undefined;
  /** As of a distfile: a path is no name of a part, and may be longer than one can be. */
  openPart(path: MirrorPath, resume: ((length: number) => boolean) | undefined): PartFile;
  /**
   * Gives a whole file its final name; undefined where a file or folder is in the way of it.
   * @throws {Error} where the disk does not take it; the part file is still open then
   */
  commit(part: PartFile, path: MirrorPath, modifiedAt: number): Promise<StoredFile | undefined>;
  /** From the call on there is no such file here; who has it open reads on. */
  remove(path: MirrorPath): Promise<void>;
  scan(): AsyncIterable<{ readonly path: MirrorPath; readonly file: StoredFile }>;
}

/** Something else is where the file, or one of its folders, should be. */
const IN_THE_WAY = new Set(["EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY"]);

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** No distfile is called so, but on purpose. */
function partName(path: MirrorPath): DistfileName {
  return `mirror-${createHash("sha256").update(path).digest("hex")}` as DistfileName;
}

async function* scanFolder(location: string, folder: string): ReturnType<MirrorFiles["scan"]> {
  for await (const entry of await opendir(`${location}/${folder}`)) {
    const below = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* scanFolder(location, below);
    else {
      // By the rules of requests: what none of them can name is none of ours.
      const path = parseMirrorPath(`/${below.split("/").map(encodeURIComponent).join("/")}`);
      const file = statFile(`${location}/${below}`);
      if (file && path !== "bad" && path !== "folder") yield { path, file };
    }
  }
}

/** @param store whose partial/ it shares */
export function openMirrorFiles(location: string, store: Pick<Store, "openPart">): MirrorFiles {
  const leaving = new Map<string, Promise<void>>();
  const pathOf = (path: MirrorPath) => `${location}/${path}`;

  return {
    stat: (path) => (leaving.has(path) ? undefined : statFile(pathOf(path))),
    openPart: (path, resume) => store.openPart(partName(path), resume),
    async commit(part, path, modifiedAt) {
      await leaving.get(path)?.catch(() => undefined);
      const final = pathOf(path);
      const folder = dirname(final);
      try {
        if (!existsSync(folder)) await mkdir(folder, { recursive: true });
        if (lstatSync(final, { throwIfNoEntry: false })?.isDirectory()) return undefined;
        await part.moveTo(final, modifiedAt);
      } catch (error) {
        if (IN_THE_WAY.has(codeOf(error))) return undefined;
        throw error;
      }
      settleFolders([folder]);
      return describe(final, fstatSync(part.fd, { bigint: true }));
    },
    remove(path) {
      const gone = leaving.get(path) ?? rm(pathOf(path), { force: true }).finally(() => leaving.delete(path));
      leaving.set(path, gone);
      return gone;
    },
    async *scan() {
      for (const folder of MIRROR_FOLDERS) {
        if (existsSync(`${location}/${folder}`)) yield* scanFolder(location, folder);
      }
    },
  };
}
