/**
 * Bounds the size of synced repositories: a small pack can hold gigabytes of zeros, and folders within folders any number of files.
 * ::gentoo with its metadata has 0.5 GiB in 160,000 files, of which none has more than 2 MiB.
 */
import { formatBytes } from "../../lib/format.ts";
import { CommandError, type RunCommand } from "./run-command.ts";

const MIB = 1024 * 1024;

/** Most bytes of all files of one version of a repository, with its history. */
export const MAX_REPOSITORY_BYTES = 2048 * MIB;
/** Most bytes of one file of a repository. */
export const MAX_REPOSITORY_FILE_BYTES = 64 * MIB;

/** Most files and folders of a version. */
export const MAX_REPOSITORY_FILES = 1_000_000;

const SHOWN_CHARACTERS = 100;

/** The repository is valid, but larger than what is synced. */
export class TooLargeError extends CommandError {
  constructor(what: string, bytes: number, limit: number) {
    super(`the repository has ${what} of ${formatBytes(bytes)}: expected at most ${formatBytes(limit)}`);
  }
}

/** The repository has more files than what is synced. */
export class TooManyFilesError extends CommandError {
  constructor() {
    super(`the repository has too many files: expected at most ${MAX_REPOSITORY_FILES}`);
  }
}

/** Of a path: PATH_MAX of Linux (limits.h), which no file system takes more than. */
const MAX_REPOSITORY_PATH_CHARACTERS = 4096;
/** Of a line of rsync, which has no path. */
const MAX_COPY_LINE_CHARACTERS = 64 * 1024;
/** Mode, type, object and size before a path. */
const MAX_BESIDE_PATH = 128;

/** The repository has a path that no file can have here. */
export class TooLongPathError extends CommandError {
  constructor() {
    super(`the repository has a path of more than ${MAX_REPOSITORY_PATH_CHARACTERS} characters`);
  }
}

export function isTooLarge(error: unknown): boolean {
  return error instanceof TooLargeError || error instanceof TooManyFilesError || error instanceof TooLongPathError;
}

/**
 * Sums up the output of `git ls-tree -r -t -l -z`, as it comes: `MODE TYPE OBJECT SIZE\tPATH`, each ending with a NUL. Folders have a
 * line as files do: one may be in thousands of others, and takes an inode in each.
 * @throws {TooLargeError} from check()
 * @throws {TooManyFilesError} {TooLongPathError} from read()
 */
export function createTreeSizes() {
  let rest = "";
  let total = 0;
  let files = 0;
  let largest = { bytes: 0, path: "" };

  function add(entry: string): void {
    if (++files > MAX_REPOSITORY_FILES) throw new TooManyFilesError();
    const tab = entry.indexOf("\t");
    const bytes = Number(entry.slice(entry.lastIndexOf(" ", tab) + 1, tab));
    // Folders and submodules have none.
    if (!Number.isSafeInteger(bytes)) return;
    total += bytes;
    if (bytes > largest.bytes) largest = { bytes, path: entry.slice(tab + 1) };
  }

  return {
    read(text: string): void {
      const entries = (rest + text).split("\0");
      rest = entries.pop() ?? "";
      if (rest.length > MAX_REPOSITORY_PATH_CHARACTERS + MAX_BESIDE_PATH) throw new TooLongPathError();
      for (const entry of entries) add(entry);
    },
    check(): void {
      const { bytes, path } = largest;
      if (bytes > MAX_REPOSITORY_FILE_BYTES) {
        throw new TooLargeError(
          `a file ${JSON.stringify(path.slice(0, SHOWN_CHARACTERS))}`,
          bytes,
          MAX_REPOSITORY_FILE_BYTES,
        );
      }
      if (total > MAX_REPOSITORY_BYTES) throw new TooLargeError("files", total, MAX_REPOSITORY_BYTES);
    },
  };
}

/** A message of the remote may look like a line of rsync's own, but takes nothing away from the sum. */
function copiedBytes(line: string): number {
  const bytes = line.startsWith(">f") ? Number(line.slice(line.lastIndexOf("_") + 1)) : 0;
  return Number.isFinite(bytes) ? Math.max(bytes, 0) : 0;
}

/**
 * Sums up the lines `CHANGES_BYTES` that rsync writes for each file that it copies, so that no more is copied than may be. The remote
 * may have it write messages between them.
 * @throws {TooLargeError} {TooManyFilesError} {CommandError}
 */
export function createCopySizes(): (text: string) => void {
  let rest = "";
  let total = 0;
  let files = 0;
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_COPY_LINE_CHARACTERS) throw new CommandError("the remote sends a message without an end");
    for (const line of lines) {
      if (++files > MAX_REPOSITORY_FILES) throw new TooManyFilesError();
      total += copiedBytes(line);
      if (total > MAX_REPOSITORY_BYTES) throw new TooLargeError("files", total, MAX_REPOSITORY_BYTES);
    }
  };
}

/**
 * Measures a version that was built. Returns its bytes.
 * @throws {TooLargeError} {unknown} what `run` throws
 */
export async function measure(path: string, run: RunCommand): Promise<number> {
  const bytes = Number.parseInt(await run(["du", "--apparent-size", "-s", "-B", "1", "--", path]), 10);
  if (bytes > MAX_REPOSITORY_BYTES) throw new TooLargeError("files", bytes, MAX_REPOSITORY_BYTES);
  return bytes;
}
