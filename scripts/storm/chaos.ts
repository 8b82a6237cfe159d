/**
 * Does to the server's files what other programs might: touches, replaces and removes stored files, fills the disk, and removes
 * or damages the index.
 */
import {
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Random } from "./random.ts";

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.split("/").at(-1)?.startsWith("storm-"))
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** Returns the bytes that the storm's files below a folder take on disk, holes not counted. */
function bytesBelow(folder: string): number {
  return filesBelow(folder).reduce((sum, path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return sum + Math.min(stat?.size ?? 0, (stat?.blocks ?? 0) * 512);
  }, 0);
}

export interface Usage {
  readonly stored: number;
  readonly parts: number;
}

export function usageOf(location: string): Usage {
  return { stored: bytesBelow(join(location, "distfiles")), parts: bytesBelow(join(location, "partial")) };
}

export function partsOf(location: string): readonly string[] {
  return readdirSync(join(location, "partial"));
}

/** Replaces by rename, as tools do: a reader of the old file reads it to the end. */
function replace(path: string, bytes: Uint8Array, folder: string): void {
  const next = join(folder, "replacement");
  writeFileSync(next, bytes);
  renameSync(next, path);
}

/**
 * Changes or removes one stored file.
 * @param folder on the store's file system, but not in the store
 * @param onFile called with the file's name before
 */
export function meddle(location: string, folder: string, random: Random, onFile: (name: string) => void): string {
  const files = filesBelow(join(location, "distfiles"));
  if (files.length === 0) return "found nothing to touch";
  const path = random.pick(files);
  const name = path.slice(path.lastIndexOf("/") + 1);
  onFile(name);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const actions: Readonly<Record<string, () => void>> = {
    removed: () => rmSync(path, { force: true }),
    touched: () => utimesSync(path, new Date(), new Date(1_000_000_000_000 + random.below(1_000_000) * 1000)),
    replaced: () => replace(path, new Uint8Array(size).fill(random.below(256)), folder),
    shortened: () => replace(path, new Uint8Array(Math.floor(size / 2)).fill(1), folder),
    emptied: () => replace(path, new Uint8Array(), folder),
    "made longer": () => truncateSync(path, size + 1),
  };
  const action = random.pick(Object.keys(actions));
  try {
    actions[action]?.();
  } catch (error) {
    return `${action}: ${error}`;
  }
  return `${action} ${name}`;
}

/** Takes this much space beside the store; 0 frees it. */
export function fill(folder: string, bytes: number): void {
  const path = join(folder, "filler");
  try {
    if (bytes === 0) rmSync(path, { force: true });
    else writeFileSync(path, new Uint8Array(bytes));
  } catch {
    // The disk is full, as intended.
  }
}

/** What damageIndex() returns when it left the index alone. */
export const UNDAMAGED = "index as it was";

/** Removes or damages an index of a stopped server, or leaves it. @returns what it did */
export function damageIndex(location: string, random: Random): string {
  const file = random.pick(["index.sqlite", "trees.sqlite"] as const);
  const path = join(location, file);
  const damage = random.pick(["left", "left", "removed", "cut", "garbage"] as const);
  if (damage === "left" || !existsSync(path)) return UNDAMAGED;
  if (damage === "garbage") writeFileSync(path, new Uint8Array(50_000).fill(7));
  else if (damage === "cut") truncateSync(path, Math.floor(statSync(path).size / 2));
  else for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  return `${file} ${damage}`;
}
