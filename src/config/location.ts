/**
 * Where the store is when nobody chose a place, and whether a place can be written.
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute } from "node:path";
import type { Environment } from "./environment.ts";

/** Whether this process could write into the folder, or make it where it is not there; touches nothing. */
export function canWrite(folder: string): boolean {
  try {
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) {
      const parent = dirname(folder);
      return parent !== folder && canWrite(parent);
    }
    if (!statSync(folder).isDirectory()) return false;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The place of someone who is not root (XDG Base Directory Specification: a relative XDG_CACHE_HOME does not count). */
export function userLocation(env: Environment): string {
  const cacheHome = env.XDG_CACHE_HOME ?? "";
  return `${isAbsolute(cacheHome) ? cacheHome : `${env.HOME || homedir()}/.cache`}/portcache`;
}
