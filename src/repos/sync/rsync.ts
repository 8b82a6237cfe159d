/**
 * Builds a version of an ebuild repository from an rsync daemon, with hard links to unchanged files of the previous version.
 * rsync compares files by size and by time in whole seconds.
 */
import { stat, utimes } from "node:fs/promises";
import { withoutTrailing } from "../../lib/text.ts";
import { createCopySizes, MAX_REPOSITORY_FILE_BYTES } from "./size-limit.ts";
import { splitCredentials } from "./url.ts";
import type { VersionBuild } from "./versions.ts";

const OPTIONS = [
  "--recursive --links --perms --times --compress --whole-file --chmod=D755,F644",
  // Leaves out devices, links out of the repository, and folders that are not part of a repository but may be in one.
  "--safe-links --exclude=/.git --exclude=/distfiles --exclude=/packages --exclude=/local",
  `--max-size=${MAX_REPOSITORY_FILE_BYTES}`,
  // Prints changed files, with their sizes, and nothing else.
  "--itemize-changes --out-format=%i_%l --no-motd --info=nonreg0,symsafe0",
  "--timeout=120 --contimeout=30",
].flatMap((line) => line.split(" "));

/**
 * Builds a version in `target`. Resolves with whether it differs from the previous one.
 * @throws {CommandError} {unknown} what `run` throws
 */
export async function buildFromRsync({ url, target, previous, run }: VersionBuild): Promise<boolean> {
  const { url: clean, password } = splitCredentials(url);
  const variables: Record<string, string> = password === undefined ? {} : { RSYNC_PASSWORD: password };
  const base = previous ? [`--link-dest=${previous.path}`] : [];
  // rsync compares the folder itself as well: its time shows that a file was removed.
  if (previous) await utimes(target, 0, (await stat(previous.path)).mtimeMs / 1000);
  const changes = await run(["rsync", ...OPTIONS, ...base, "--", `${withoutTrailing(clean, "/")}/`, `${target}/`], {
    variables,
    onOutput: createCopySizes(),
  });
  return changes !== "";
}
