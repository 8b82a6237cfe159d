/**
 * Syncs a repository once: builds the version that its URL has now, checks that it is an ebuild repository, and makes it the
 * current one. After any failure the repository stays as it was; what was built until then is swept later.
 */
import { readdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { formatBytes } from "../../lib/format.ts";
import type { Logger } from "../../lib/log.ts";
import { buildFromGit } from "./git.ts";
import { buildFromRsync } from "./rsync.ts";
import { CommandError, type RunCommand } from "./run-command.ts";
import { measure } from "./size-limit.ts";
import { isRsyncUrl, maskedUrl } from "./url.ts";
import { syncedBytes, type Versions } from "./versions.ts";

export interface SyncOnceDeps {
  readonly url: string;
  readonly versions: Versions;
  readonly run: RunCommand;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Built {
  readonly isNew: boolean;
  readonly commit?: string;
}

async function build(target: string, { url, versions, run }: SyncOnceDeps): Promise<Built> {
  const previous = versions.current();
  const request = { url, target, previous, run };
  if (isRsyncUrl(url)) return { isNew: (await buildFromRsync(request)) || !previous };
  const commit = await buildFromGit(request);
  return commit === undefined ? { isNew: false } : { isNew: true, commit };
}

/** With less free space than this the disk counts as full. git does not say why it cannot write. */
const FULL_BYTES = 4 * 1024 * 1024;

/** Adds to the error that the disk is full, where it is. */
async function explained(error: unknown, path: string): Promise<unknown> {
  const { bavail, bsize } = await statfs(path);
  if (!(error instanceof CommandError) || bavail * bsize >= FULL_BYTES) return error;
  return new CommandError(`${error.message}; the disk is full: ${Math.floor((bavail * bsize) / 1024)} KiB are free`);
}

async function isA(kind: "isFile" | "isDirectory", path: string): Promise<boolean> {
  try {
    return (await stat(path))[kind]();
  } catch {
    return false;
  }
}

/** Checks for profiles/ (PMS 4.1) or any Manifest, so that an error page served by git never replaces a repository. */
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
 * Resolves with whether there is a new current version.
 * @throws {CommandError} {Error} errors of the file system; {unknown} what `run` throws
 */
export async function syncOnce(deps: SyncOnceDeps): Promise<boolean> {
  const { url, versions, run, clock, log } = deps;
  const target = await versions.createFolder();
  try {
    const { isNew, commit } = await build(target, deps);
    let bytes = syncedBytes(versions.location);
    if (isNew) {
      if (!(await isEbuildRepository(target))) {
        throw new CommandError("not an ebuild repository: it has neither profiles nor a Manifest");
      }
      bytes = await measure(target, run);
      log.debug("Repository {url} has {size} of files", { url: maskedUrl(url), size: formatBytes(bytes) });
      // A current version must be completely on disk, whenever the power fails.
      await run(["sync", "-f", target]);
      await versions.activate(target, clock.now(), commit);
    }
    await versions.markSynced(clock.now(), maskedUrl(url), bytes);
    return isNew;
  } catch (error) {
    throw await explained(error, dirname(target));
  }
}
