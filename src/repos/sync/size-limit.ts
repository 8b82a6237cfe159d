/**
 * Bounds the size of synced repositories: a small pack can hold gigabytes of zeros. ::gentoo with its metadata has 0.5 GiB of
 * files, of which none has more than 2 MiB.
 */
import { formatBytes } from "../../lib/format.ts";
import { CommandError, type RunCommand } from "./run-command.ts";

const MIB = 1024 * 1024;

/** Most bytes of all files of one version of a repository, with its history. */
export const MAX_REPOSITORY_BYTES = 2048 * MIB;
/** Most bytes of one file of a repository. */
export const MAX_REPOSITORY_FILE_BYTES = 64 * MIB;

const SHOWN_CHARACTERS = 100;

/** The repository is valid, but larger than what is synced. */
export class TooLargeError extends CommandError {
  constructor(what: string, bytes: number, limit: number) {
    super(`the repository has ${what} of ${formatBytes(bytes)}: expected at most ${formatBytes(limit)}`);
  }
}

/**
 * Sums up the output of `git ls-tree -r -l -z`, as it comes: `MODE TYPE OBJECT SIZE\tPATH`, each ending with a NUL.
 * @throws {TooLargeError} from check()
 */
export function createTreeSizes() {
  let rest = "";
  let total = 0;
  let largest = { bytes: 0, path: "" };

  function add(entry: string): void {
    const tab = entry.indexOf("\t");
    const bytes = Number(entry.slice(entry.lastIndexOf(" ", tab) + 1, tab));
    // Submodules have none.
    if (!Number.isSafeInteger(bytes)) return;
    total += bytes;
    if (bytes > largest.bytes) largest = { bytes, path: entry.slice(tab + 1) };
  }

  return {
    read(text: string): void {
      const entries = (rest + text).split("\0");
      rest = entries.pop() ?? "";
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

/**
 * Measures a version that was built. Returns its bytes.
 * @throws {TooLargeError} {unknown} what `run` throws
 */
export async function measure(path: string, run: RunCommand): Promise<number> {
  const bytes = Number.parseInt(await run(["du", "--apparent-size", "-s", "-B", "1", "--", path]), 10);
  if (bytes > MAX_REPOSITORY_BYTES) throw new TooLargeError("files", bytes, MAX_REPOSITORY_BYTES);
  return bytes;
}
