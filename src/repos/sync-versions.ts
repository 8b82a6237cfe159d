/**
 * Where a synced tree lies: each version in a folder of its own, FOLDER/.NAME/VERSION, and FOLDER/NAME a symbolic link to
 * the one in use, switched by rename when a version is whole and on the disk. The one before stays until the next switch,
 * since it may still be read. Whatever else lies in FOLDER/.NAME is left from a run that was killed.
 */
import { readlinkSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { folderNameOf } from "./sync-url.ts";

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
  begin(): Promise<string>;
  discard(path: string): Promise<void>;
  /** Puts what was built into use. */
  adopt(path: string, at: number, commit: string | undefined): Promise<void>;
  /** Removes what is not in use; for the start, when nobody reads any of it. */
  sweep(): Promise<void>;
}

const SYNCED = "synced";
const LINK = "link";
const NEW = "new-";

export function createVersions(folder: string, url: string): Versions {
  const name = folderNameOf(url);
  const location = join(folder, name);
  const home = join(folder, `.${name}`);

  let syncedAt = statSync(join(home, SYNCED), { throwIfNoEntry: false })?.mtimeMs;

  function currentName(): string | undefined {
    try {
      const target = readlinkSync(location);
      return dirname(target) === `.${name}` && statSync(location).isDirectory() ? basename(target) : undefined;
    } catch {
      return undefined;
    }
  }

  async function remove(path: string): Promise<void> {
    // What can't be removed now will be met again.
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }

  async function removeAllBut(kept: readonly (string | undefined)[]): Promise<void> {
    const names = await readdir(home).catch(() => []);
    for (const other of names.filter((one) => one !== SYNCED && !kept.includes(one))) await remove(join(home, other));
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
    async begin() {
      await mkdir(home, { recursive: true });
      const path = await mkdtemp(join(home, NEW));
      await chmod(path, 0o755);
      return path;
    },
    discard: remove,
    async adopt(path, at, commit) {
      const previous = currentName();
      const instant = new Date(at).toISOString().replace(/[-:]/g, "");
      const version = commit === undefined ? instant : `${instant}-${commit}`;
      await rename(path, join(home, version));
      const link = join(home, LINK);
      await rm(link, { force: true });
      await symlink(join(`.${name}`, version), link);
      await rename(link, location);
      await removeAllBut([version, previous]);
    },
    sweep: () => removeAllBut([currentName()]),
  };
}

/** Where the tree of the URL lies, if some version of it is there. */
export function syncedLocation(folder: string, url: string): string | undefined {
  const versions = createVersions(folder, url);
  return versions.current() && versions.location;
}
