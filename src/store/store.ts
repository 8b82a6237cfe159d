/**
 * The store on disk: `distfiles/HH/FILE` holds whole files only, `partial/` those coming in. The distfiles folder is
 * itself a Gentoo mirror with the standard layout (GLEP 75), so it can be exported or used as PORTAGE_RO_DISTDIRS.
 */
import {
  type BigIntStats,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { mkdir, open, opendir, rm } from "node:fs/promises";
import { formatLayoutConf, type Layout, standardFolder } from "../distfile/layout.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import { cutToFront, openNamelessPart, openPartFile, type PartFile } from "./part-file.ts";

/** A file as it lies in the store. */
export interface StoredFile {
  readonly path: string;
  readonly size: number;
  readonly modifiedAt: number;
  /** Changes whenever anybody touches the file: size, mtime and ctime in nanoseconds. */
  readonly stamp: string;
}

export interface FoundFile {
  readonly name: DistfileName;
  readonly file: StoredFile;
}

export interface Store {
  /** The file, or undefined where there is none (or no plain file) of that name. */
  stat(name: DistfileName): StoredFile | undefined;
  /** Whether the file is there still and nobody touched it since it was described. */
  isSame(file: StoredFile): boolean;
  /**
   * Opens the part file of a name, with the bytes that an earlier run left if `resume` accepts their number.
   * Where another download has it, or `resume` is undefined, the part is nameless: gone when closed, never committed.
   */
  openPart(name: DistfileName, resume: ((length: number) => boolean) | undefined): PartFile;
  /** Gives a whole file its final name. @throws {Error} where the disk does not take it; the part file is still open then */
  commit(part: PartFile, name: DistfileName, modifiedAt: number): Promise<StoredFile>;
  /** From the call on there is no such file here, whenever its name is gone from the disk; who has it open reads on. */
  remove(name: DistfileName): Promise<void>;
  /** All files that lie where they belong; `onStray` is told the paths of others, which are left alone. */
  scan(onStray: (path: string) => void): AsyncIterable<FoundFile>;
  /** Free bytes of the file system, for those who are not root. */
  freeBytes(): number;
  /**
   * Removes part files that nobody writes and that nobody has touched since this instant, whatever their mtime.
   * Returns how many.
   */
  sweepParts(before: number): number;
  /** Bytes of the part files that nobody writes just now. */
  leftPartBytes(): number;
}

/** The store's own layout, whatever is announced to clients. */
const STORE_LAYOUTS: readonly Layout[] = [{ kind: "filename-hash", algorithm: "BLAKE2B", cutoffs: [8] }];

function describe(path: string, stats: BigIntStats): StoredFile {
  return {
    path,
    size: Number(stats.size),
    modifiedAt: Number(stats.mtimeMs),
    stamp: `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
  };
}

/** Plain files only: a link could lead to any file of this machine, and would be served. */
function statFile(path: string): StoredFile | undefined {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() ? describe(path, stats) : undefined;
  } catch {
    // Something that is no folder is in the way (ENOTDIR), or a folder may not be read: there is no file to be had.
    return undefined;
  }
}

/** For whoever takes the folder as a mirror of its own; a full disk must not leave half of it, nor keep the store closed. */
function announceLayout(path: string): void {
  const text = formatLayoutConf(STORE_LAYOUTS);
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  try {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  } catch {
    rmSync(`${path}.new`, { force: true });
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

/** Where it fails there is nothing to be done: what is not on the disk by now is missed after a power cut. */
function settleFolders(paths: readonly string[]): void {
  for (const path of paths) syncFolder(path).catch(() => undefined);
}

async function* scanFolder(path: string, folder: string, onStray: (path: string) => void): AsyncIterable<FoundFile> {
  for await (const entry of await opendir(path)) {
    const name = parseDistfileName(entry.name);
    const file = name !== undefined && standardFolder(name) === folder ? statFile(`${path}/${entry.name}`) : undefined;
    if (name === undefined || file === undefined) onStray(`${path}/${entry.name}`);
    else yield { name, file };
  }
}

async function* scanFolders(distfiles: string, onStray: (path: string) => void): AsyncIterable<FoundFile> {
  for await (const folder of await opendir(distfiles)) {
    const path = `${distfiles}/${folder.name}`;
    if (folder.isDirectory()) yield* scanFolder(path, folder.name, onStray);
    else if (folder.name !== "layout.conf") onStray(path);
  }
}

/** The part file, or undefined where something else has its name. */
function openNamed(path: string, resume: boolean): PartFile | undefined {
  try {
    return openPartFile(path, resume);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "EISDIR" || error.code === "ELOOP"))
      return undefined;
    throw error;
  }
}

/** @throws {Error} with a code such as EACCES where the folders cannot be made */
export function openStore(location: string): Store {
  const distfiles = `${location}/distfiles`;
  const partial = `${location}/partial`;
  mkdirSync(distfiles, { recursive: true });
  mkdirSync(partial, { recursive: true });
  announceLayout(`${distfiles}/layout.conf`);
  const openParts = new Set<string>();
  const leftParts = new Map<string, number>();

  function countLeft(path: string): void {
    const length = openParts.has(path) ? 0 : (statFile(path)?.size ?? 0);
    if (length > 0) leftParts.set(path, length);
    else leftParts.delete(path);
  }

  for (const entry of readdirSync(partial)) countLeft(`${partial}/${entry}`);

  /** By path: files that are being unlinked, beside the event loop as a busy disk takes its time for that. */
  const leaving = new Map<string, Promise<void>>();

  const pathOf = (name: DistfileName) => `${distfiles}/${standardFolder(name)}/${name}`;

  return {
    stat(name) {
      const path = pathOf(name);
      return leaving.has(path) ? undefined : statFile(path);
    },
    isSame: (file) => statFile(file.path)?.stamp === file.stamp,
    openPart(name, resume) {
      // Somebody may have cleared it away while this runs.
      mkdirSync(partial, { recursive: true });
      const path = `${partial}/${name}`;
      if (resume === undefined || openParts.has(path)) return openNamelessPart(partial);
      const length = cutToFront(path);
      const part = openNamed(path, length > 0 && resume(length));
      if (!part) return openNamelessPart(partial);
      openParts.add(path);
      countLeft(path);
      return {
        ...part,
        leave(keep) {
          openParts.delete(path);
          part.leave(keep);
          countLeft(path);
        },
      };
    },
    async commit(part, name, modifiedAt) {
      const path = pathOf(name);
      await leaving.get(path)?.catch(() => undefined);
      const folder = path.slice(0, path.lastIndexOf("/"));
      const isNew = !existsSync(folder);
      if (isNew) await mkdir(folder, { recursive: true });
      await part.moveTo(path, modifiedAt);
      // The bytes are on disk. A power cut that takes the name back leaves the whole part file, which is found right when
      // it is asked for next: no client has to wait for that.
      settleFolders(isNew ? [folder, distfiles] : [folder]);
      // What lies at the path by now may be somebody else's.
      return describe(path, fstatSync(part.fd, { bigint: true }));
    },
    remove(name) {
      const path = pathOf(name);
      const gone = leaving.get(path) ?? rm(path, { force: true }).finally(() => leaving.delete(path));
      leaving.set(path, gone);
      return gone;
    },
    scan: (onStray) => scanFolders(distfiles, onStray),
    freeBytes() {
      const { bavail, bsize } = statfsSync(location);
      return bavail * bsize;
    },
    sweepParts(before) {
      let swept = 0;
      for (const entry of readdirSync(partial)) {
        const path = `${partial}/${entry}`;
        // By ctime: one killed right before its rename has upstream's mtime already, and is whole.
        const changedAt = lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? before;
        if (changedAt < before && !openParts.has(path)) {
          rmSync(path, { force: true });
          swept++;
        }
        countLeft(path);
      }
      return swept;
    },
    leftPartBytes: () => leftParts.values().reduce((sum, bytes) => sum + bytes, 0),
  };
}
