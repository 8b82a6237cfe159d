/**
 * Imports one file of a DISTDIR into the store if a Manifest vouches for its name, size and digest. Clones it where the file
 * system can, else copies; never links, as Portage writes into DISTDIR in place. Checks the copy, so nobody can change it
 * afterwards. Touches nothing in the DISTDIR.
 */
import { constants } from "node:fs";
import { copyFile, type FileHandle, lstat, open } from "node:fs/promises";
import type { StoredFiles } from "../cache/stored-files.ts";
import { type ComputedDigests, compareDigests, type Digests, hasHash, neededAlgorithms } from "../distfile/digests.ts";
import type { Hasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import { contentsOf, type WantedBy } from "../distfile/wanted-by.ts";
import { digestColumns, type FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import { codeOf, reasonOf } from "../lib/error-reason.ts";
import { saysAbsent } from "../lib/exists.ts";
import type { PartFile } from "../store/part-file.ts";
import type { Store, StoredFile } from "../store/store.ts";

/** Why a file was not imported. */
export type SkipReason =
  | "unknown"
  | "size"
  | "digest"
  | "no-hash"
  | "name"
  | "portage"
  | "link"
  | "special"
  | "folder"
  | "unreadable"
  | "busy"
  | "full";

export type ImportOutcome =
  | { readonly kind: "adopted" | "present"; readonly size: number }
  | { readonly kind: "skipped"; readonly reason: SkipReason; readonly detail?: string };

export interface ImportFileDeps {
  readonly store: Store;
  readonly rows: FileRows;
  readonly storedFiles: Pick<StoredFiles, "find">;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly wantedBy: (name: DistfileName) => readonly WantedBy[];
  /** Reserves bytes in the store until the returned function is called; undefined if there is no room. */
  readonly reserve: (bytes: number) => (() => void) | undefined;
}

/** Codes of a file system that takes no more bytes. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

const skipped = (reason: SkipReason, detail?: string): ImportOutcome => ({
  kind: "skipped",
  reason,
  ...(detail === undefined ? {} : { detail }),
});

/** Copies the bytes, as a clone (reflink) where the file system can. */
async function copyInto(source: FileHandle, part: PartFile): Promise<void> {
  // By descriptor, as another file may have taken the name.
  await copyFile(`/proc/self/fd/${source.fd}`, `/proc/self/fd/${part.fd}`, constants.COPYFILE_FICLONE);
}

function remember(
  name: DistfileName,
  file: StoredFile,
  computed: ComputedDigests,
  { rows, clock }: ImportFileDeps,
): void {
  const now = clock.now();
  const times = { storedAt: now, usedAt: now };
  rows.put({ name, ...digestColumns(computed), stamp: file.stamp, source: "", ...times, uses: 0, wantedOnce: true });
  rows.forgetPartial(name);
}

/** @param contents the digests to accept */
async function takeIn(
  name: DistfileName,
  source: FileHandle,
  contents: readonly Digests[],
  part: PartFile,
  deps: ImportFileDeps,
): Promise<ImportOutcome> {
  const { size, mtimeMs } = await source.stat();
  try {
    await copyInto(source, part);
  } catch (error) {
    const code = codeOf(error);
    return FULL.has(code) ? skipped("full") : skipped("unreadable", reasonOf(error));
  }
  const computed = await deps.hasher.open(part.fd, neededAlgorithms(contents)).finish(size);
  if (contents.every((content) => compareDigests(content, computed) !== "same")) return skipped("digest");
  // It is sent as Last-Modified, which is never in the future.
  const file = await deps.store.commit(part, name, Math.min(Math.round(mtimeMs), deps.clock.now()));
  if (!file) throw new Error(`Cannot store ${name}: a file or folder is in its way`);
  remember(name, file, computed, deps);
  return { kind: "adopted", size };
}

/**
 * Returns those of the contents that are better than what is stored; none where the best is. Where repositories disagree, the
 * first one's content is the one that the name stands for, and replaces another's.
 */
async function missing(
  name: DistfileName,
  contents: readonly Digests[],
  { storedFiles }: ImportFileDeps,
): Promise<readonly Digests[]> {
  const there = await storedFiles.find(name, contents);
  if (there === undefined || there === "stale") return contents;
  const rank = contents.findIndex((content) => compareDigests(content, there.digests) === "same");
  return contents.slice(0, Math.max(0, rank));
}

async function copyAndCheck(
  name: DistfileName,
  source: FileHandle,
  contents: readonly Digests[],
  deps: ImportFileDeps,
): Promise<ImportOutcome> {
  const part = deps.store.openPart(name, () => false);
  try {
    // If nameless, a download is writing the file and will store it.
    return part.named ? await takeIn(name, source, contents, part, deps) : skipped("busy");
  } finally {
    part.leave(false);
    await part.close();
  }
}

async function importOpened(
  name: DistfileName,
  source: FileHandle,
  contents: readonly Digests[],
  deps: ImportFileDeps,
): Promise<ImportOutcome> {
  const stats = await source.stat();
  if (!stats.isFile()) return skipped(stats.isDirectory() ? "folder" : "special");
  const { size } = stats;
  const fitting = contents.filter((content) => content.size === size);
  if (fitting.length === 0) return skipped("size");
  if (!fitting.some(hasHash)) return skipped("no-hash");
  const wanted = (await missing(name, contents, deps)).filter((content) => content.size === size && hasHash(content));
  if (wanted.length === 0) return { kind: "present", size };
  const release = deps.reserve(size);
  if (!release) return skipped("full");
  try {
    return await copyAndCheck(name, source, wanted, deps);
  } catch (error) {
    // Out of inodes, or others have filled the disk meanwhile.
    if (FULL.has(codeOf(error))) return skipped("full");
    throw error;
  } finally {
    release();
  }
}

/** Says why an unwanted entry was skipped. */
async function unwanted(path: string): Promise<ImportOutcome> {
  try {
    const stats = await lstat(path);
    if (stats.isDirectory()) return skipped("folder");
    if (stats.isSymbolicLink()) return skipped("link");
    return skipped(stats.isFile() ? "unknown" : "special");
  } catch (error) {
    return saysAbsent(error) ? skipped("unknown") : skipped("unreadable", reasonOf(error));
  }
}

/** Imports the file if a Manifest lists it and the store lacks it. @throws {Error} if the store refuses it */
export async function importFile(name: DistfileName, path: string, deps: ImportFileDeps): Promise<ImportOutcome> {
  const contents = contentsOf(deps.wantedBy(name));
  if (contents.length === 0) return await unwanted(path);
  let source: FileHandle;
  try {
    // A link could lead anywhere, and opening a pipe would block.
    source = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ELOOP") return skipped("link");
    if (code === "ENXIO") return skipped("special");
    return skipped("unreadable", reasonOf(error));
  }
  try {
    return await importOpened(name, source, contents, deps);
  } finally {
    await source.close();
  }
}
