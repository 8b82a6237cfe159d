/**
 * The store on disk: `distfiles/HH/FILE` holds whole files only, `partial/` those coming in. The distfiles folder is
 * itself a Gentoo mirror with the standard layout (GLEP 75), so it can be exported or used as PORTAGE_RO_DISTDIRS.
 */
import { existsSync, fstatSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { mkdir, opendir, rm } from "node:fs/promises";
import { formatLayoutConf, type Layout, standardFolder } from "../distfile/layout.ts";
import { type DistfileName, parseDistfileName } from "../distfile/name.ts";
import type { PartFile } from "./part-file.ts";
import { openParts } from "./partial-folder.ts";
import { describe, type StoredFile, settleFolders, statFile } from "./stored-file.ts";

export type { StoredFile } from "./stored-file.ts";

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

/** @throws {Error} with a code such as EACCES where the folders cannot be made */
export function openStore(location: string): Store {
  const distfiles = `${location}/distfiles`;
  mkdirSync(distfiles, { recursive: true });
  announceLayout(`${distfiles}/layout.conf`);
  const parts = openParts(`${location}/partial`);
  /** By path: files that are being unlinked, beside the event loop as a busy disk takes its time for that. */
  const leaving = new Map<string, Promise<void>>();

  const pathOf = (name: DistfileName) => `${distfiles}/${standardFolder(name)}/${name}`;

  return {
    stat(name) {
      const path = pathOf(name);
      return leaving.has(path) ? undefined : statFile(path);
    },
    isSame: (file) => statFile(file.path)?.stamp === file.stamp,
    openPart: parts.open,
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
    sweepParts: parts.sweep,
    leftPartBytes: parts.leftBytes,
  };
}
