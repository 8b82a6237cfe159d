/**
 * Finds where the files coming in of each folder of the store are kept: in partial/, or, where that is on another file system or
 * mount, beside the folder's files in `.partial`. A file gets its final name by rename(2), which never crosses a mount.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { type FileName, isMirrorPath, MIRROR_FOLDERS, PARTIAL_FOLDER } from "../distfile/mirror-path.ts";
import { codeOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import { openPartialFolder, type PartialFolder } from "./partial-folder.ts";

export const STORE_FOLDERS = ["distfiles", ...MIRROR_FOLDERS] as const;
type StoreFolder = (typeof STORE_FOLDERS)[number];

/** A file system that files are stored on. */
export interface Volume {
  /** Path of a folder on it. */
  readonly folder: string;
  readonly totalBytes: number;
  /** Free for users other than root. */
  readonly freeBytes: number;
  /** Infinite where the file system makes inodes as it needs them. */
  readonly freeInodes: number;
  readonly totalInodes: number;
}

export interface PartialFolders {
  /** Returns the folder of files coming in from which this name can be reached by a rename. */
  of(name: FileName): PartialFolder;
  /** Finds that folder again, after a rename that crossed a mount all the same. */
  renew(name: FileName): PartialFolder;
  /** Returns the folder of distfiles that come in. */
  distfiles(): PartialFolder;
  /** Returns all folders of files coming in. */
  all(): readonly PartialFolder[];
  /** Returns the file systems of the store: that of distfiles first. */
  volumes(): readonly Volume[];
  /** Returns the index in volumes() of the file system that this name is stored on. */
  volumeOf(name: FileName): number;
}

export function storeFolderOf(name: FileName): StoreFolder {
  return STORE_FOLDERS.find((folder) => isMirrorPath(name) && name.startsWith(`${folder}/`)) ?? "distfiles";
}

/** Returns what statfs(2) says of the file system that holds the folder. */
function readVolume(folder: string): Volume {
  const { blocks, bavail, bsize, files, ffree } = statfsSync(folder);
  // Btrfs and others say 0 of 0.
  const isCounted = files > 0 && ffree >= 0 && ffree <= files;
  return {
    folder,
    totalBytes: blocks * bsize,
    freeBytes: bavail * bsize,
    freeInodes: isCounted ? ffree : Number.POSITIVE_INFINITY,
    totalInodes: isCounted ? files : Number.POSITIVE_INFINITY,
  };
}

/** Returns the folder of the store; its location where that is not there yet. */
function existing(location: string, folder: StoreFolder): string {
  const path = `${location}/${folder}`;
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : location;
}

/** Returns the folders in it that are file systems of their own; none where it is not there. */
function mountedIn(folder: string): readonly string[] {
  if (!exists(folder) || !statSync(folder).isDirectory()) return [];
  const { dev } = statSync(folder);
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return below.map(({ name }) => `${folder}/${name}`).filter((path) => statSync(path).dev !== dev);
}

/** Returns the folders of the store that are there: those that have to be written. */
export function storeFolders(location: string): readonly string[] {
  const paths = ["partial", ...STORE_FOLDERS].map((folder) => `${location}/${folder}`);
  const there = paths.filter((path) => exists(path));
  return [...there, ...mountedIn(`${location}/distfiles`)];
}

/** Returns the file systems of the store, that of distfiles first, each with the folders on it. */
function findVolumes(location: string): readonly { readonly path: string; readonly folders: readonly StoreFolder[] }[] {
  const byDevice = Map.groupBy(STORE_FOLDERS, (folder) => statSync(existing(location, folder)).dev);
  return [...byDevice.values()].map((folders) => ({ path: existing(location, folders[0] ?? "distfiles"), folders }));
}

export function storeVolumes(location: string): readonly Volume[] {
  return findVolumes(location).map(({ path }) => readVolume(path));
}

/** Returns the file system of the index, where it is another than that of distfiles. */
export function indexVolume(location: string): Volume | undefined {
  const isShared = statSync(location).dev === statSync(existing(location, "distfiles")).dev;
  return isShared ? undefined : readVolume(location);
}

/** Returns whether a file can be renamed from one folder into the other: tried, as a bind mount has the same device. */
function canRename(from: string, to: string): boolean {
  const probe = `.probe-${crypto.randomUUID()}`;
  try {
    writeFileSync(`${from}/${probe}`, "", { flag: "wx" });
    renameSync(`${from}/${probe}`, `${to}/${probe}`);
    return true;
  } catch (error) {
    if (codeOf(error) === "EXDEV") return false;
    // The disk is full or read-only: then it is found out when a file comes.
    return statSync(from).dev === statSync(to).dev;
  } finally {
    for (const folder of [from, to]) rmSync(`${folder}/${probe}`, { force: true });
  }
}

/** @throws {Error} with a code such as EACCES where a folder cannot be made */
export function openPartialFolders(location: string): PartialFolders {
  const partial = `${location}/partial`;
  const opened = new Map<string, PartialFolder>();
  const current = new Map<StoreFolder, PartialFolder>();

  function open(path: string): PartialFolder {
    const partialFolder = opened.get(path) ?? openPartialFolder(path);
    opened.set(path, partialFolder);
    return partialFolder;
  }

  function find(folder: StoreFolder): PartialFolder {
    const beside = `${location}/${folder}/${PARTIAL_FOLDER}`;
    const isReached = canRename(partial, existing(location, folder));
    // What was left there before a mount changed is swept like the rest.
    if (exists(beside)) open(beside);
    return open(isReached ? partial : beside);
  }

  function renewFolder(folder: StoreFolder): PartialFolder {
    const partialFolder = find(folder);
    current.set(folder, partialFolder);
    return partialFolder;
  }

  mkdirSync(`${location}/distfiles`, { recursive: true });
  open(partial);
  for (const folder of STORE_FOLDERS) renewFolder(folder);

  const partialFolderOf = (folder: StoreFolder) => current.get(folder) ?? open(partial);
  /** The indexes in volumes(), as last looked at. */
  const indexes = new Map<StoreFolder, number>();

  return {
    of: (name) => partialFolderOf(storeFolderOf(name)),
    distfiles: () => partialFolderOf("distfiles"),
    renew: (name) => renewFolder(storeFolderOf(name)),
    all: () => [...opened.values()],
    volumes() {
      // Looked at each time, as a file system may be mounted while this runs.
      const found = findVolumes(location);
      for (const [at, { folders }] of found.entries()) for (const folder of folders) indexes.set(folder, at);
      return found.map(({ path }) => readVolume(path));
    },
    volumeOf: (name) => indexes.get(storeFolderOf(name)) ?? 0,
  };
}
