/**
 * Manages the versions of a synced repository: each version has its own folder FOLDER/.NAME/VERSION, and FOLDER/NAME is a
 * symbolic link to the current one, switched by rename once a version is complete and on disk. The previous version stays
 * until the next switch, since it may still be read. Anything else in FOLDER/.NAME is left from a run that was killed.
 */
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { saysAbsent } from "../../lib/exists.ts";
import type { RunCommand } from "./run-command.ts";
import { folderNameOf } from "./url.ts";

export interface Version {
  /** Absolute path. */
  readonly path: string;
  /** Commit, if it was built with git. */
  readonly commit?: string;
}

/** How to build a version. */
export interface VersionBuild {
  readonly url: string;
  /** Empty folder to build in; useless after a failure. */
  readonly target: string;
  readonly previous: Version | undefined;
  readonly run: RunCommand;
}

export interface Versions {
  /** FOLDER/NAME. */
  readonly location: string;
  /** Returns the version that the link leads to. */
  current(): Version | undefined;
  /** Returns the time of the last successful sync, in this or an earlier run. */
  syncedAt(): number | undefined;
  /**
   * @param url written into the folder for people
   * @param bytes size of the current version; undefined where it is not known
   */
  markSynced(at: number, url: string, bytes: number | undefined): Promise<void>;
  /** Creates an empty folder to build a version in. */
  createFolder(): Promise<string>;
  /** Makes a built version the current one. */
  activate(path: string, at: number, commit: string | undefined): Promise<void>;
  /**
   * Removes all but the current version, and the one before it in this run. Runs a command for it, since Bun would block one
   * of its few threads for files for seconds.
   * @throws {unknown} what `run` throws
   */
  sweep(run: RunCommand): Promise<void>;
}

const SYNCED = "synced";
const LINK = "link";
const NEW = "new-";

/**
 * Returns the size of the current version of the repository at this location, as it was measured; undefined where that is not
 * known, and for a repository that is not synced.
 */
export function syncedBytes(location: string): number | undefined {
  try {
    const text = readFileSync(join(dirname(location), `.${basename(location)}`, SYNCED), "utf8");
    const bytes = /^(\d{1,15}) bytes$/m.exec(text)?.[1];
    return bytes === undefined ? undefined : Number(bytes);
  } catch {
    return undefined;
  }
}

/** Returns undefined where the time cannot be read: then the repository is synced too soon. */
function modifiedAt(path: string): number | undefined {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}

export function createVersions(folder: string, url: string): Versions {
  const name = folderNameOf(url);
  const location = join(folder, name);
  const home = join(folder, `.${name}`);

  let previous: string | undefined;
  let syncedAt = modifiedAt(join(home, SYNCED));

  function currentName(): string | undefined {
    try {
      const target = readlinkSync(location);
      return dirname(target) === `.${name}` && statSync(location).isDirectory() ? basename(target) : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    location,
    current() {
      const version = currentName();
      if (version === undefined) return undefined;
      const commit = /-([0-9a-f]{40,64})$/.exec(version)?.[1];
      return { path: join(home, version), ...(commit === undefined ? {} : { commit }) };
    },
    syncedAt: () => syncedAt,
    async markSynced(at, maskedUrl, bytes) {
      syncedAt = at;
      try {
        await writeFile(join(home, SYNCED), `${maskedUrl}\n${bytes === undefined ? "" : `${bytes} bytes\n`}`);
        await utimes(join(home, SYNCED), at / 1000, at / 1000);
      } catch {
        // The disk is full: after the next start the repository is synced too soon.
      }
    },
    async createFolder() {
      await mkdir(home, { recursive: true });
      const path = await mkdtemp(join(home, NEW));
      await chmod(path, 0o755);
      return path;
    },
    async activate(path, at, commit) {
      const before = currentName();
      const instant = new Date(at).toISOString().replace(/[-:]/g, "");
      const version = commit === undefined ? instant : `${instant}-${commit}`;
      await rename(path, join(home, version));
      const link = join(home, LINK);
      await rm(link, { force: true });
      await symlink(join(`.${name}`, version), link);
      await rename(link, location);
      previous = before;
    },
    async sweep(run) {
      const kept = [SYNCED, currentName(), previous];
      const names = await readdir(home).catch(() => []);
      const gone = names.filter((other) => !kept.includes(other)).map((other) => join(home, other));
      if (gone.length > 0) await run(["rm", "-rf", "--", ...gone]);
    },
  };
}

/**
 * Returns the location of the URL's repository, if there is a version of it.
 * @throws {Error} where the folder cannot be searched: then nobody knows
 */
export function syncedLocation(folder: string, url: string): string | undefined {
  const versions = createVersions(folder, url);
  if (versions.current()) return versions.location;
  try {
    lstatSync(versions.location);
  } catch (error) {
    if (!saysAbsent(error)) throw error;
  }
  return undefined;
}
