/**
 * Tells a path that is not there from one that cannot be looked at: only the first may be taken for "none".
 */
import { lstatSync, readlinkSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "./error-reason.ts";

/** Codes by which the disk says that nothing is at a path: a component is missing, or is no folder. */
const NOTHING_THERE = new Set(["ENOENT", "ENOTDIR"]);

/** Returns whether a system call failed because nothing is at the path. A dangling link is nothing, too. */
export function saysAbsent(error: unknown): boolean {
  return NOTHING_THERE.has(codeOf(error));
}

/** Finds the part of the path at which it ends: the path itself, or the last folder above it that is there. */
function lastThere(path: string): string {
  try {
    lstatSync(path);
    return path;
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== "ENOENT" || parent === path) throw error;
    return lastThere(parent);
  }
}

/**
 * Returns whether something is at an absolute path. False only where a name in it is missing from its folder.
 * @throws {Error} where a folder may not be searched, where a link leads nowhere, and for every other reason
 */
export function exists(path: string): boolean {
  const end = lastThere(path);
  try {
    statSync(end);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new Error(`${end} is a link to ${readlinkSync(end)}, which is not there`);
  }
  return end === path;
}
