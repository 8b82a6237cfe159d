/**
 * Chooses the default location of the store, and checks whether a location is writable.
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute } from "node:path";
import { reasonOf } from "../lib/error-reason.ts";
import { exists } from "../lib/exists.ts";
import type { Environment } from "./environment.ts";

/**
 * Returns why this process could not write into the folder, or create it, as a sentence part; undefined if it could. Changes
 * nothing.
 */
export function writeObstacle(folder: string): string | undefined {
  try {
    if (!exists(folder)) return writeObstacle(dirname(folder));
    if (!statSync(folder).isDirectory()) return `${folder} is not a folder`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `${folder}: ${reasonOf(error)}`;
  }
}

/** Returns whether this process could write into the folder, or create it; changes nothing. */
export function canWrite(folder: string): boolean {
  return writeObstacle(folder) === undefined;
}

/** Returns the location for users other than root (XDG Base Directory Specification: a relative XDG_CACHE_HOME is ignored). */
export function userLocation(env: Environment): string {
  const cacheHome = env.XDG_CACHE_HOME ?? "";
  return `${isAbsolute(cacheHome) ? cacheHome : `${env.HOME || homedir()}/.cache`}/portcache`;
}
