/**
 * Reads and writes files below a root for an installation: digests, atomic writes, owners.
 */

import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../lib/error-reason.ts";
import { exists, saysAbsent } from "../lib/exists.ts";
import type { SetupFile } from "./files.ts";
import type { Digest } from "./plan.ts";

export interface Disk {
  exists(path: string): boolean;
  text(path: string): string | undefined;
  /** Undefined if there is no such file. */
  digest(path: string): Promise<Digest | undefined>;
  digestOf(content: SetupFile["content"]): Promise<Digest>;
  /** Writes the file to its path or to another; creates missing folders. */
  put(file: SetupFile, path?: string): void;
  putText(path: string, text: string): void;
  /** Returns whether this user may read the file, or enter the folder and list it; a missing one is readable. */
  isReadable(path: string, userId: number | undefined, groupId: number | undefined): boolean;
  remove(path: string): void;
  /** Does nothing if the folder is not empty. */
  removeFolder(path: string): void;
  /** Creates a folder that belongs to the user. */
  createFolder(path: string, user: string): void;
  /** Looks the name up in /etc/passwd or /etc/group below the root. */
  idOf(file: "passwd" | "group", name: string): number | undefined;
}

/** Bits of a mode, as they are for others. */
const READ = 0o4;
const READ_AND_SEARCH = 0o5;
const GROUP_SHIFT = 3;
const OWNER_SHIFT = 6;

/** What rmdir(2) says of a folder that is not empty. */
const NOT_EMPTY = new Set(["ENOTEMPTY", "EEXIST"]);

async function hashFile(path: string): Promise<Digest> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const piece of Bun.file(path).stream()) hasher.update(piece);
  return hasher.digest("hex");
}

/** @param root empty for this machine */
export function createDisk(root: string): Disk {
  const isRoot = process.getuid?.() === 0;
  const at = (path: string) => `${root}${path}`;

  function text(path: string): string | undefined {
    return exists(at(path)) ? readFileSync(at(path), "utf8") : undefined;
  }

  function idOf(file: "passwd" | "group", name: string): number | undefined {
    const line = text(`/etc/${file}`)
      ?.split("\n")
      .find((entry) => entry.startsWith(`${name}:`));
    return line === undefined ? undefined : Number(line.split(":")[2]);
  }

  function put({ path: own, mode, group, content }: SetupFile, path = own): void {
    const target = at(path);
    mkdirSync(dirname(target), { recursive: true });
    // Renamed into place, the file is complete at once, and a running executable is replaced rather than overwritten.
    const fresh = `${target}.portcache-setup`;
    try {
      if ("text" in content) writeFileSync(fresh, content.text);
      else copyFileSync(content.copyOf, fresh, constants.COPYFILE_FICLONE);
      chmodSync(fresh, mode);
      const groupId = group === undefined ? 0 : idOf("group", group);
      if (isRoot && groupId !== undefined) chownSync(fresh, 0, groupId);
      renameSync(fresh, target);
    } finally {
      rmSync(fresh, { force: true });
    }
  }

  return {
    // A dangling link exists, too.
    exists: (path) => lstatSync(at(path), { throwIfNoEntry: false }) !== undefined,
    text,
    async digest(path) {
      if (!exists(at(path)) || !statSync(at(path)).isFile()) return undefined;
      return await hashFile(at(path));
    },
    async digestOf(content) {
      if ("copyOf" in content) return await hashFile(content.copyOf);
      return new Bun.CryptoHasher("sha256").update(content.text).digest("hex");
    },
    put,
    putText: (path, content) => put({ path, mode: 0o644, content: { text: content } }),
    isReadable(path, userId, groupId) {
      const stats = statSync(at(path), { throwIfNoEntry: false });
      if (!stats) return true;
      const wanted = stats.isDirectory() ? READ_AND_SEARCH : READ;
      const shift = stats.uid === userId ? OWNER_SHIFT : stats.gid === groupId ? GROUP_SHIFT : 0;
      return ((stats.mode >> shift) & wanted) === wanted;
    },
    remove: (path) => rmSync(at(path), { force: true }),
    removeFolder(path) {
      try {
        rmdirSync(at(path));
      } catch (error) {
        if (!NOT_EMPTY.has(codeOf(error)) && !saysAbsent(error)) throw error;
      }
    },
    createFolder(path, user) {
      mkdirSync(at(path), { recursive: true, mode: 0o755 });
      const [userId, groupId] = [idOf("passwd", user), idOf("group", user)];
      if (isRoot && userId !== undefined && groupId !== undefined) chownSync(at(path), userId, groupId);
    },
    idOf,
  };
}
