/**
 * Where a synced tree lies: each version in a folder of its own, FOLDER/.NAME/VERSION, and FOLDER/NAME a symbolic link to
 * the one in use, switched by rename when a version is whole and on the disk. The one before stays until the next switch,
 * since it may still be read. Whatever else lies in FOLDER/.NAME is left from a run that was killed.
 */
import { readlinkSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Run } from "./run-command.ts";
import { folderNameOf } from "./url.ts";

export interface Version {
  /** Absolute path. */
  readonly path: string;
  /** Of git. */
  readonly commit?: string;
}

export interface Versions {
  /** FOLDER/NAME. */
  readonly location: string;
  /** The one in use. */
  current(): Version | undefined;
  /** When a sync last went through, in this or an earlier run. */
  syncedAt(): number | undefined;
  /** `url` is for people who look into the folder. */
  markSynced(at: number, url: string): Promise<void>;
  /** Makes an empty folder to build a version in. */
  createFolder(): Promise<string>;
  /** Puts what was built into use. */
  activate(path: string, at: number, commit: string | undefined): Promise<void>;
  /**
   * Removes all but the version in use and the one before it, of this run. By a command, since what Bun removes itself
   * holds one of its few threads for files until it is done: seconds.
   * @throws what `run` throws
   */
  sweep(run: Run): Promise<void>;
}

const SYNCED = "synced";
const LINK = "link";
const NEW = "new-";

/** Undefined where it is not to be seen too: then it is synced sooner than need be. */
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
    async markSynced(at, shownText) {
      syncedAt = at;
      try {
        await writeFile(join(home, SYNCED), `${shownText}\n`);
        await utimes(join(home, SYNCED), at / 1000, at / 1000);
      } catch {
        // A full disk: after the next start it is synced sooner than need be.
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

/** Where the tree of the URL lies, if some version of it is there. */
export function syncedLocation(folder: string, url: string): string | undefined {
  const versions = createVersions(folder, url);
  return versions.current() && versions.location;
}
