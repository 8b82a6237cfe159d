/**
 * Whether a file that a setting names can be read.
 */
import { accessSync, constants, statSync } from "node:fs";

/** What is wrong with it, as a list of at most one sentence; an empty path means none. */
export function fileProblem(key: string, path: string): string[] {
  if (path === "") return [];
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile() ? [] : [`${key}: ${path} is no file`];
  } catch (error) {
    return [`${key}: Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`];
  }
}
