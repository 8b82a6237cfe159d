/**
 * Chooses the default location of the store, and checks whether a location is writable.
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute } from "node:path";
import type { Environment } from "./environment.ts";

/** Returns whether this process could write into the directory, or create it; changes nothing. */
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

/** Returns the location for users other than root (XDG Base Directory Specification: a relative XDG_CACHE_HOME is ignored). */
export function userLocation(env: Environment): string {
  const cacheHome = env.XDG_CACHE_HOME ?? "";
  return `${isAbsolute(cacheHome) ? cacheHome : `${env.HOME || homedir()}/.cache`}/portcache`;
}
