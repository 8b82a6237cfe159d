/**
 * Keeps the folder of files coming in. One download at a time can have a name; the bytes that an earlier one left are continued.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { cutToFront, openNamelessPart, openPartFile, type PartFile } from "./part-file.ts";
import { statFile } from "./stored-file.ts";

export interface PartialFolder {
  /**
   * Opens the part file of a name, with the bytes that an earlier run left if `resume` accepts their number.
   * Where another download has it, or `resume` is undefined, the part is nameless: gone when closed, never committed.
   * @param verified whether a Manifest vouches for the file; true by default
   */
  open(name: string, resume: ((length: number) => boolean) | undefined, verified?: boolean): PartFile;
  /** Opens a part file that belongs to no name. */
  openNameless(): PartFile;
  /**
   * Removes part files that nobody writes and that nobody has touched since this instant, whatever their mtime.
   * Returns how many.
   * @param dryRun removes nothing
   */
  sweep(before: number, dryRun?: boolean): number;
  /** Removes part files that nobody writes, or only those of unverified files. Returns how many. */
  removeLeft(which: "all" | "unverified"): number;
  /** Bytes of the part files that nobody writes just now. */
  leftBytes(): LeftBytes;
  /** Bytes that an earlier download left of a name. */
  leftBytesOf(name: string): number;
}

/** Bytes of part files that an earlier download left. */
export interface LeftBytes {
  readonly all: number;
  /** The part of them whose files no Manifest vouches for. */
  readonly unverified: number;
}

/** Part files that nobody writes: a source that breaks off each time leaves one for each name. The oldest go. */
const MAX_LEFT = 1_000;

/** Begins the names of part files of mirror files. */
export const MIRROR_PART = "mirror-";

/** Opens the part file; undefined where something else has its name. */
function openNamed(path: string, resume: boolean): PartFile | undefined {
  try {
    return openPartFile(path, resume);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "EISDIR" || error.code === "ELOOP"))
      return undefined;
    throw error;
  }
}

/** @throws {Error} with a code such as EACCES where the folder cannot be made */
export function openPartialFolder(folder: string): PartialFolder {
  mkdirSync(folder, { recursive: true });
  const open = new Set<string>();
  /** The one left longest ago first. */
  const left = new Map<string, { readonly bytes: number; readonly verified: boolean }>();
  /** Of all of these: asked for at each reservation. */
  const sums = { all: 0, unverified: 0 };

  function add({ bytes, verified }: { readonly bytes: number; readonly verified: boolean }, sign: 1 | -1): void {
    sums.all += sign * bytes;
    if (!verified) sums.unverified += sign * bytes;
  }

  function forget(path: string): void {
    const before = left.get(path);
    if (before) add(before, -1);
    left.delete(path);
  }

  function remove(path: string): void {
    rmSync(path, { force: true });
    forget(path);
  }

  function countLeft(path: string, verified: boolean): void {
    forget(path);
    const bytes = open.has(path) ? 0 : (statFile(path)?.size ?? 0);
    if (bytes === 0) return;
    left.set(path, { bytes, verified });
    add({ bytes, verified }, 1);
    const [oldest] = left.keys();
    if (left.size > MAX_LEFT && oldest !== undefined) remove(oldest);
  }

  // Of a distfile's part from before the start nobody knows: it goes after a day at the latest.
  for (const entry of readdirSync(folder)) countLeft(`${folder}/${entry}`, !entry.startsWith(MIRROR_PART));

  function openNameless(): PartFile {
    // Somebody may have cleared the folder away while this runs.
    mkdirSync(folder, { recursive: true });
    return openNamelessPart(folder);
  }

  return {
    openNameless,
    open(name, resume, verified = true) {
      const path = `${folder}/${name}`;
      if (resume === undefined || open.has(path)) return openNameless();
      mkdirSync(folder, { recursive: true });
      const length = cutToFront(path);
      const part = openNamed(path, length > 0 && resume(length));
      if (!part) return openNameless();
      open.add(path);
      countLeft(path, verified);
      return {
        ...part,
        leave(keep) {
          open.delete(path);
          part.leave(keep);
          countLeft(path, verified);
        },
      };
    },
    sweep(before, dryRun = false) {
      let swept = 0;
      for (const entry of readdirSync(folder)) {
        const path = `${folder}/${entry}`;
        // By ctime: one killed right before its rename has upstream's mtime already, and is whole.
        const changedAt = lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? before;
        if (changedAt < before && !open.has(path)) {
          if (!dryRun) rmSync(path, { force: true });
          swept++;
        }
        countLeft(path, left.get(path)?.verified ?? true);
      }
      return swept;
    },
    removeLeft(which) {
      const paths = [...left].flatMap(([path, { verified }]) => (verified && which === "unverified" ? [] : [path]));
      for (const path of paths) remove(path);
      return paths.length;
    },
    leftBytes: () => ({ ...sums }),
    leftBytesOf: (name) => left.get(`${folder}/${name}`)?.bytes ?? 0,
  };
}
