/**
 * A version of a tree from an rsync daemon. What is the same as in the previous version is a hard link to it. Whether a
 * file is, rsync sees by size and time in whole seconds.
 */
import { stat, utimes } from "node:fs/promises";
import type { VersionBuild } from "./git.ts";
import { splitCredentials } from "./url.ts";

const OPTIONS = [
  "--recursive --links --perms --times --compress --whole-file --chmod=D755,F644",
  // Links out of the tree and devices are left out; so is what is no part of a tree but may lie in one.
  "--safe-links --exclude=/.git --exclude=/distfiles --exclude=/packages --exclude=/local",
  // Says what is new, and nothing else.
  "--itemize-changes --out-format=%i --no-motd --info=nonreg0,symsafe0",
  "--timeout=120 --contimeout=30",
].flatMap((line) => line.split(" "));

/**
 * Builds the version in `target`. Resolves with whether it differs from the previous one.
 * @throws {RunError} {unknown} what `run` throws
 */
export async function buildFromRsync({ url, target, previous, run }: VersionBuild): Promise<boolean> {
  const { url: clean, password } = splitCredentials(url);
  const variables: Record<string, string> = password === undefined ? {} : { RSYNC_PASSWORD: password };
  const base = previous ? [`--link-dest=${previous.path}`] : [];
  // The folder itself is compared too; its time shows that something in it went.
  if (previous) await utimes(target, 0, (await stat(previous.path)).mtimeMs / 1000);
  const news = await run(["rsync", ...OPTIONS, ...base, "--", `${clean.replace(/\/*$/, "")}/`, `${target}/`], {
    variables,
  });
  return news !== "";
}
