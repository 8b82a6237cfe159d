/**
 * Keeps a file for its owner alone, so that nobody else can take a lock on it: fcntl(2) lets everyone who may read a file lock it.
 * Folders around it stay readable, since the files of the store are for everyone.
 */
import { chmodSync, closeSync, constants, lstatSync, openSync } from "node:fs";

const MODE = 0o600;
const OTHERS = 0o077;

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** Takes the rights of all others from a file, if there is one. */
export function takeFromOthers(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile() || (stats.mode & OTHERS) === 0) return;
  try {
    chmodSync(path, stats.mode & 0o700);
  } catch (error) {
    // Another user's file, and a file system without modes: opening it tells whether it can be used.
    if (!isCode(error, "EPERM", "EROFS", "ENOSYS", "ENOTSUP", "EOPNOTSUPP")) throw error;
  }
}

/**
 * Makes an empty file for its owner alone, or takes the rights of others from the one that is there. An existing file is not
 * opened: closing it would drop the locks that this process has on it (fcntl(2)).
 */
export function makeOwnerOnly(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, MODE));
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
    takeFromOthers(path);
  }
}
