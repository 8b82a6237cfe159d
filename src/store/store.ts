/**
 * Keeps whole files on disk: `distfiles/HH/FILE`, a Gentoo mirror with the standard layout (GLEP 75) that can be exported or
 * used as PORTAGE_RO_DISTDIRS, and beside it `snapshots/`, `releases/` and `experimental/` as a mirror has them. Files coming in
 * are in `partial/`. A mirror may make a folder of what was a file: what is in the way of a file is never removed for it.
 */

import { createHash } from "node:crypto";
import {
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { mkdir, opendir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { formatLayoutConf, type Layout, standardFolder } from "../distfile/layout.ts";
import { type FileName, isMirrorPath, MIRROR_FOLDERS, parseFileName } from "../distfile/mirror-path.ts";
import { codeOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import type { PartFile } from "./part-file.ts";
import { openPartialFolder } from "./partial-folder.ts";
import { describe, lookProblem, type StoredFile, settleFolders, statFile } from "./stored-file.ts";

export type { StoredFile } from "./stored-file.ts";

export interface NamedFile {
  readonly name: FileName;
  readonly file: StoredFile;
}

export interface Store {
  /** The file, or undefined where there is none (or no plain file) of that name. */
  stat(name: FileName): StoredFile | undefined;
  /** Returns why the file cannot be looked at, a sentence part; it may be there all the same. Undefined where stat() knows. */
  lookProblem(name: FileName): string | undefined;
  /** Whether the file is still there and nobody has touched it since it was described. */
  isSame(file: StoredFile): boolean;
  /**
   * Opens the part file of a name, with the bytes that an earlier download left if `resume` accepts their number.
   * Where another download has it, or `resume` is undefined, the part is nameless: gone when closed, never committed.
   */
  openPart(name: FileName, resume: ((length: number) => boolean) | undefined): PartFile;
  /** Opens a part file that belongs to no name. */
  openNamelessPart(): PartFile;
  /**
   * Gives a whole file its final name; undefined where a file or folder is in the way of it.
   * @throws {Error} where the disk does not take it; the part file is still open then
   */
  commit(part: PartFile, name: FileName, modifiedAt: number): Promise<StoredFile | undefined>;
  /** From the call on there is no such file here, whenever its name is gone from the disk; who has it open reads on. */
  remove(name: FileName): Promise<void>;
  /** Yields all files that are where they belong; `onStray` gets the paths of others, which are left alone. */
  scan(onStray: (path: string) => void): AsyncIterable<NamedFile>;
  /** Free bytes of the file system, for those who are not root. */
  freeBytes(): number;
  /**
   * Removes part files that nobody writes and that nobody has touched since this instant, whatever their mtime.
   * Returns how many.
   */
  sweepParts(before: number): number;
  /** Bytes of the part files that nobody writes just now. */
  leftPartBytes(): number;
  /** Bytes that an earlier download left of a name. */
  leftPartBytesOf(name: FileName): number;
}

/** The store's own layout, whatever is announced to clients. */
const STORE_LAYOUTS: readonly Layout[] = [{ kind: "filename-hash", algorithm: "BLAKE2B", cutoffs: [8] }];

/** What the disk says where something else is in the place of the file, or of one of its folders. */
const IN_THE_WAY = new Set(["EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY"]);

/** For whoever takes the folder as a mirror of its own; a full disk must not leave half of it, nor keep the store closed. */
function announceLayout(path: string): void {
  const text = formatLayoutConf(STORE_LAYOUTS);
  try {
    if (existsSync(path) && readFileSync(path, "utf8") === text) return;
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  } catch {
    rmSync(`${path}.new`, { force: true });
  }
}

/** Path below the store's location. */
function pathBelow(name: FileName): string {
  return isMirrorPath(name) ? name : `distfiles/${standardFolder(name)}/${name}`;
}

/** A mirror path may be longer than a file's name can be. No distfile has such a name by chance. */
function partName(name: FileName): string {
  return isMirrorPath(name) ? `mirror-${createHash("sha256").update(name).digest("hex")}` : name;
}

async function* listFiles(folder: string): AsyncIterable<string> {
  for await (const entry of await opendir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* listFiles(path);
    else yield path;
  }
}

/** The name of the file that belongs at a path below the store; undefined where none does. */
function nameAt(below: string): FileName | undefined {
  const name = parseFileName(below.startsWith("distfiles/") ? below.slice(below.lastIndexOf("/") + 1) : below);
  return name !== undefined && pathBelow(name) === below ? name : undefined;
}

async function* scanFolder(
  location: string,
  folder: string,
  onStray: (path: string) => void,
): AsyncIterable<NamedFile> {
  for await (const path of listFiles(`${location}/${folder}`)) {
    const name = nameAt(path.slice(location.length + 1));
    const file = name === undefined ? undefined : statFile(path);
    if (name !== undefined && file) yield { name, file };
    else if (path !== `${location}/distfiles/layout.conf`) onStray(path);
  }
}

async function* scanStore(location: string, onStray: (path: string) => void): AsyncIterable<NamedFile> {
  for (const folder of ["distfiles", ...MIRROR_FOLDERS]) {
    if (exists(`${location}/${folder}`)) yield* scanFolder(location, folder, onStray);
  }
}

/** @throws {Error} with a code such as EACCES where the folders cannot be made */
export function openStore(location: string): Store {
  mkdirSync(`${location}/distfiles`, { recursive: true });
  announceLayout(`${location}/distfiles/layout.conf`);
  const parts = openPartialFolder(`${location}/partial`);
  /** By path: files that are being unlinked, beside the event loop as a busy disk takes its time for that. */
  const leaving = new Map<string, Promise<void>>();

  const pathOf = (name: FileName) => `${location}/${pathBelow(name)}`;

  return {
    stat(name) {
      const path = pathOf(name);
      return leaving.has(path) ? undefined : statFile(path);
    },
    lookProblem: (name) => lookProblem(pathOf(name)),
    isSame: (file) => statFile(file.path)?.stamp === file.stamp,
    openPart: (name, resume) => parts.open(partName(name), resume),
    openNamelessPart: parts.openNameless,
    async commit(part, name, modifiedAt) {
      const path = pathOf(name);
      await leaving.get(path)?.catch(() => undefined);
      const folder = dirname(path);
      const isNew = !existsSync(folder);
      try {
        if (isNew) await mkdir(folder, { recursive: true });
        if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
        await part.moveTo(path, modifiedAt);
      } catch (error) {
        if (IN_THE_WAY.has(codeOf(error))) return undefined;
        throw error;
      }
      // The bytes are on disk. A power cut that takes the name back leaves the whole part file, which is found right when
      // it is asked for next: no client has to wait for that.
      settleFolders(isNew ? [folder, dirname(folder)] : [folder]);
      // What lies at the path by now may be somebody else's.
      return describe(path, fstatSync(part.fd, { bigint: true }));
    },
    remove(name) {
      const path = pathOf(name);
      const gone = leaving.get(path) ?? rm(path, { force: true }).finally(() => leaving.delete(path));
      leaving.set(path, gone);
      return gone;
    },
    scan: (onStray) => scanStore(location, onStray),
    freeBytes() {
      const { bavail, bsize } = statfsSync(location);
      return bavail * bsize;
    },
    sweepParts: parts.sweep,
    leftPartBytes: parts.leftBytes,
    leftPartBytesOf: (name) => parts.leftBytesOf(partName(name)),
  };
}
