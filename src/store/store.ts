/**
 * Keeps whole files on disk: `distfiles/HH/FILE`, a Gentoo mirror with the standard layout (GLEP 75) that can be exported or
 * used as PORTAGE_RO_DISTDIRS, and beside it `snapshots/`, `releases/` and `experimental/` as a mirror has them. Files coming in
 * are in `partial/`. A mirror may make a folder of what was a file: what is in the way of a file is never removed for it.
 */

import { createHash } from "node:crypto";
import { existsSync, fstatSync, lstatSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, mkdir, opendir, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { formatLayoutConf, type Layout, standardFolder } from "../distfile/layout.ts";
import { type FileName, isMirrorPath, PARTIAL_FOLDER, parseFileName } from "../distfile/mirror-path.ts";
import { codeOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import type { PartFile } from "./part-file.ts";
import { type LeftBytes, MIRROR_PART, openPartialFolder, type PartialFolder } from "./partial-folder.ts";
import { openPartialFolders, STORE_FOLDERS, type Volume } from "./partial-folders.ts";
import { createFolderSyncs, describe, lookProblem, type StoredFile, statFile } from "./stored-file.ts";

export type { StoredFile } from "./stored-file.ts";

export interface PlacedFile {
  readonly file: StoredFile;
  /** To be synced for the name to last. */
  readonly folders: readonly string[];
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
   * @param verified whether a Manifest vouches for the file; true by default
   */
  openPart(name: FileName, resume: ((length: number) => boolean) | undefined, verified?: boolean): PartFile;
  /** Opens a part file that belongs to no name. */
  openNamelessPart(): PartFile;
  /**
   * Gives a whole file its final name; undefined where a file or folder is in the way of it.
   * @throws {Error} where the disk does not take it; the part file is still open then
   */
  commit(part: PartFile, name: FileName, modifiedAt: number): Promise<StoredFile | undefined>;
  /** Does the rest of a commit for a part that is settled; the folders are the caller's to sync. */
  place(part: PartFile, name: FileName): Promise<PlacedFile | undefined>;
  /** From the call on there is no such file here, whenever its name is gone from the disk; who has it open reads on. */
  remove(name: FileName): Promise<void>;
  /** Yields the names of all files that are where they belong; `onStray` gets the paths of others, which are left alone. */
  scan(onStray: (path: string) => void): AsyncIterable<FileName>;
  /** Returns the file systems that files are stored on: that of distfiles first. */
  volumes(): readonly Volume[];
  /** Returns the place in volumes() of the one that this name is stored on. */
  volumeOf(name: FileName): number;
  /**
   * Removes part files that nobody writes and that nobody has touched since this instant, whatever their mtime.
   * Returns how many.
   * @param dryRun removes nothing
   */
  sweepParts(before: number, dryRun?: boolean): number;
  /** Removes part files that nobody writes, or only those of unverified files. Returns how many. */
  removeLeftParts(which: "all" | "unverified"): number;
  /** Bytes of the part files that nobody writes just now. */
  leftPartBytes(): LeftBytes;
  /** Bytes that an earlier download left of a name. */
  leftPartBytesOf(name: FileName): number;
}

/** The store's own layout, whatever is announced to clients. */
const STORE_LAYOUTS: readonly Layout[] = [{ kind: "filename-hash", algorithm: "BLAKE2B", cutoffs: [8] }];

/** What the disk says where something else is in the place of the file, or of one of its folders. */
const IN_THE_WAY = new Set(["EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY"]);

/** For those who use the folder as a mirror; a full disk must not leave half of it, nor keep the store closed. */
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

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

/** Path below the store's location. */
export function pathBelow(name: FileName): string {
  return isMirrorPath(name) ? name : `distfiles/${standardFolder(name)}/${name}`;
}

/** A mirror path may be longer than a file's name can be. No distfile has such a name by chance. */
function partName(name: FileName): string {
  return isMirrorPath(name) ? `${MIRROR_PART}${createHash("sha256").update(name).digest("hex")}` : name;
}

interface ListedFile {
  readonly path: string;
  /** A link, for example, is none. Where the file system does not say, the file is looked at. */
  readonly isPlain: boolean;
}

async function* listFiles(folder: string): AsyncIterable<ListedFile> {
  const entries = await opendir(folder).catch((error: unknown) => {
    // An empty folder goes with its last file.
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  });
  for await (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* listFiles(path);
    else yield { path, isPlain: entry.isFile() || statFile(path) !== undefined };
  }
}

/** The name of the file that belongs at a path below the store; undefined where none does. */
function nameAt(below: string): FileName | undefined {
  const name = parseFileName(below.startsWith("distfiles/") ? below.slice(below.lastIndexOf("/") + 1) : below);
  return name !== undefined && pathBelow(name) === below ? name : undefined;
}

async function* scanFolder(location: string, folder: string, onStray: (path: string) => void): AsyncIterable<FileName> {
  for await (const { path, isPlain } of listFiles(`${location}/${folder}`)) {
    if (path.includes(`/${PARTIAL_FOLDER}/`, location.length)) continue;
    const name = nameAt(path.slice(location.length + 1));
    if (name !== undefined && isPlain) yield name;
    else if (path !== `${location}/distfiles/layout.conf`) onStray(path);
  }
}

async function* scanStore(location: string, onStray: (path: string) => void): AsyncIterable<FileName> {
  for (const folder of STORE_FOLDERS) {
    if (exists(`${location}/${folder}`)) yield* scanFolder(location, folder, onStray);
  }
}

/**
 * Removes the folder of a file that has gone, and those above it, as far as they are empty: there may be few inodes.
 * @param top not removed
 */
async function removeEmptyFolders(folder: string, top: string): Promise<void> {
  try {
    for (let empty = folder; empty.length > top.length; empty = dirname(empty)) await rmdir(empty);
  } catch {
    // It holds other files.
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Other files are in it.
  }
}

/** What a crash left of copies goes after a day. */
const DAY_MS = 24 * 60 * 60 * 1000;

/** How often a folder is made again that went, being empty, before the file was in it. */
const FOLDER_TRIES = 3;

/** @throws {Error} with a code such as EACCES where the folders cannot be made */
export function openStore(location: string): Store {
  const partialFolders = openPartialFolders(location);
  announceLayout(`${location}/distfiles/layout.conf`);
  /** By path: files that are being unlinked, beside the event loop as a busy disk takes its time for that. */
  const leaving = new Map<string, Promise<void>>();
  const syncFolderSoon = createFolderSyncs();

  const pathOf = (name: FileName) => `${location}/${pathBelow(name)}`;

  async function unlink(path: string): Promise<void> {
    await rm(path, { force: true });
    const top = path.indexOf("/", location.length + 1);
    await removeEmptyFolders(dirname(path), path.slice(0, top));
  }

  /** Renames the part; returns whether its folder is new. */
  async function moveInto(part: PartFile, path: string): Promise<boolean> {
    const folder = dirname(path);
    for (let tries = 1; ; tries++) {
      const isNew = !existsSync(folder);
      if (isNew) await mkdir(folder, { recursive: true });
      try {
        await part.moveTo(path);
        return isNew;
      } catch (error) {
        if (tries === FOLDER_TRIES || existsSync(folder)) throw error;
      }
    }
  }

  /** Copies the part into a folder from which a rename reaches its final place. */
  async function moveCopyFrom(folder: PartialFolder, part: PartFile, path: string): Promise<PlacedFile> {
    const copy = folder.open(`copy-${crypto.randomUUID()}`, () => false);
    try {
      await copyFile(`/proc/self/fd/${part.fd}`, `/proc/self/fd/${copy.fd}`);
      await copy.settle(fstatSync(part.fd).mtimeMs);
      const isNew = await moveInto(copy, path);
      part.leave(false);
      return describeMoved(copy, path, isNew);
    } finally {
      copy.leave(false);
      await copy.close();
    }
  }

  /** Copies the part to the file system of its final place, where no rename leads from its own. */
  async function moveCopy(part: PartFile, name: FileName, path: string): Promise<PlacedFile> {
    try {
      // Something was mounted over the whole folder since the start.
      return await moveCopyFrom(partialFolders.renew(name), part, path);
    } catch (error) {
      if (codeOf(error) !== "EXDEV") throw error;
    }
    // Something is mounted below it, such as on one of the folders HH.
    const beside = `${dirname(path)}/${PARTIAL_FOLDER}`;
    try {
      const folder = openPartialFolder(beside);
      folder.sweep(Date.now() - DAY_MS);
      return await moveCopyFrom(folder, part, path);
    } finally {
      removeIfEmpty(beside);
    }
  }

  function describeMoved(part: PartFile, path: string, isNew: boolean): PlacedFile {
    const folder = dirname(path);
    return {
      // The file at the path may be somebody else's by now.
      file: describe(path, fstatSync(part.fd, { bigint: true })),
      folders: isNew ? [folder, dirname(folder)] : [folder],
    };
  }

  async function move(part: PartFile, name: FileName, path: string): Promise<PlacedFile> {
    try {
      return describeMoved(part, path, await moveInto(part, path));
    } catch (error) {
      if (codeOf(error) !== "EXDEV") throw error;
      return await moveCopy(part, name, path);
    }
  }

  async function place(part: PartFile, name: FileName): Promise<PlacedFile | undefined> {
    const path = pathOf(name);
    await leaving.get(path)?.catch(() => undefined);
    try {
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
      return await move(part, name, path);
    } catch (error) {
      if (IN_THE_WAY.has(codeOf(error))) return undefined;
      throw error;
    }
  }

  return {
    stat(name) {
      const path = pathOf(name);
      return leaving.has(path) ? undefined : statFile(path);
    },
    lookProblem: (name) => lookProblem(pathOf(name)),
    isSame: (file) => statFile(file.path)?.stamp === file.stamp,
    openPart: (name, resume, verified) => partialFolders.of(name).open(partName(name), resume, verified),
    openNamelessPart: () => partialFolders.distfiles().openNameless(),
    async commit(part, name, modifiedAt) {
      await part.settle(modifiedAt);
      const placed = await place(part, name);
      // The bytes are on disk. A power cut that takes the name back leaves the whole part file, which is found right when
      // it is asked for next: no client has to wait for that.
      for (const folder of placed?.folders ?? []) syncFolderSoon(folder);
      return placed?.file;
    },
    place,
    remove(name) {
      const path = pathOf(name);
      const gone = leaving.get(path) ?? unlink(path).finally(() => leaving.delete(path));
      leaving.set(path, gone);
      return gone;
    },
    scan: (onStray) => scanStore(location, onStray),
    volumes: partialFolders.volumes,
    volumeOf: partialFolders.volumeOf,
    sweepParts: (before, dryRun) => sum(partialFolders.all().map((folder) => folder.sweep(before, dryRun))),
    removeLeftParts: (which) => sum(partialFolders.all().map((folder) => folder.removeLeft(which))),
    leftPartBytes() {
      const left = partialFolders.all().map((folder) => folder.leftBytes());
      return { all: sum(left.map(({ all }) => all)), unverified: sum(left.map(({ unverified }) => unverified)) };
    },
    leftPartBytesOf: (name) => partialFolders.of(name).leftBytesOf(partName(name)),
  };
}
