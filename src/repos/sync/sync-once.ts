/**
 * One sync of a tree: builds the version that its URL has now, looks whether that is an ebuild repository, and puts it
 * into use. Whatever fails, the tree stays as it was; what was built until then is swept later.
 */
import { readdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { buildFromGit } from "./git.ts";
import { buildFromRsync } from "./rsync.ts";
import { type Run, RunError } from "./run-command.ts";
import { isRsyncUrl, shownUrl } from "./url.ts";
import type { Versions } from "./versions.ts";

export interface SyncOnceDeps {
  readonly url: string;
  readonly versions: Versions;
  readonly run: Run;
  readonly clock: Clock;
}

interface Built {
  readonly isNew: boolean;
  readonly commit?: string;
}

async function build(target: string, { url, versions, run }: SyncOnceDeps): Promise<Built> {
  const previous = versions.current();
  const building = { url, target, previous, run };
  if (isRsyncUrl(url)) return { isNew: (await buildFromRsync(building)) || !previous };
  const commit = await buildFromGit(building);
  return commit === undefined ? { isNew: false } : { isNew: true, commit };
}

/** Git does not say why it cannot write. Not to be told from one so full that nothing of use has room. */
const FULL_BYTES = 4 * 1024 * 1024;

/** The error, with the reason where that is a full disk. */
async function explained(error: unknown, path: string): Promise<unknown> {
  const { bavail, bsize } = await statfs(path);
  if (!(error instanceof RunError) || bavail * bsize >= FULL_BYTES) return error;
  return new RunError(`${error.message}; the disk is full: ${Math.floor((bavail * bsize) / 1024)} KiB are free`);
}

async function isA(kind: "isFile" | "isDirectory", path: string): Promise<boolean> {
  try {
    return (await stat(path))[kind]();
  } catch {
    return false;
  }
}

/** PMS 4.1 wants profiles/; a tree that has Manifests without it is of use too. */
async function isEbuildRepository(path: string): Promise<boolean> {
  if (await isA("isDirectory", join(path, "profiles"))) return true;
  for (const category of await readdir(path)) {
    for (const name of await readdir(join(path, category)).catch(() => [])) {
      if (await isA("isFile", join(path, category, name, "Manifest"))) return true;
    }
  }
  return false;
}

/**
 * Resolves with whether another version is in use now.
 * @throws {RunError} {Error} errors of the file system; {unknown} what `run` throws
 */
export async function syncOnce(deps: SyncOnceDeps): Promise<boolean> {
  const { url, versions, run, clock } = deps;
  const target = await versions.createFolder();
  try {
    const { isNew, commit } = await build(target, deps);
    if (isNew) {
      if (!(await isEbuildRepository(target))) {
        throw new RunError("no ebuild repository: neither profiles nor a Manifest is in it");
      }
      // A version in use is on the disk whole, whenever the power fails.
      await run(["sync", "-f", target]);
      await versions.activate(target, clock.now(), commit);
    }
    await versions.markSynced(clock.now(), shownUrl(url));
    return isNew;
  } catch (error) {
    throw await explained(error, dirname(target));
  }
}
