/**
 * Reads files of a repository, whose authors are not trusted: only regular files of sensible size within the repository,
 * since a link may lead to files that only the admin should see. Caches what was parsed from them until they change.
 */
import { createHash } from "node:crypto";
import { lstat, readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

export interface FileCache<T> {
  /** Returns undefined where readInside() does. @param root real path of the repository */
  get(root: string, path: string): Promise<T | undefined>;
}

/** The largest eclass has 120 KiB, the largest ebuild seen and its md5-cache entry 400 KiB. */
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_CACHED = 4096;

/** Returns the real path of `path`; undefined where it is not within `root`, which is a real path itself. */
export async function realPathInside(root: string, path: string): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined);
  return real?.startsWith(root === "/" ? root : `${root}/`) ? real : undefined;
}

/**
 * Reads a file below `root`. Returns its bytes and its stamp; the stamp alone where it equals `known`; undefined where the
 * file is missing, not regular, too large, or outside of `root` by a link.
 */
export async function readInside(
  root: string,
  path: string,
  known?: string,
): Promise<{ readonly stamp: string; readonly bytes?: Buffer } | undefined> {
  try {
    let real: string | undefined = path;
    let stats = await lstat(path, { bigint: true });
    // Directly in `root`, which is real, only a link can lead elsewhere: most files need no second look-up.
    if (dirname(path) !== root || stats.isSymbolicLink()) {
      real = await realPathInside(root, path);
      if (real === undefined) return undefined;
      stats = await stat(real, { bigint: true });
    }
    if (!stats.isFile() || stats.size > MAX_BYTES) return undefined;
    const stamp = `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    return stamp === known ? { stamp } : { stamp, bytes: await readFile(real) };
  } catch {
    return undefined;
  }
}

export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** Caches files of which repositories have few; each version of a synced repository has paths of its own. */
export function createFileCache<T>(parse: (bytes: Buffer) => T): FileCache<T> {
  const known = new Map<string, { readonly stamp: string; readonly value: T }>();
  return {
    async get(root, path) {
      const before = known.get(path);
      const file = await readInside(root, path, before?.stamp);
      if (!file) known.delete(path);
      if (!file?.bytes) return file && before?.value;
      const value = parse(file.bytes);
      known.delete(path);
      known.set(path, { stamp: file.stamp, value });
      const [oldest] = known.keys();
      if (known.size > MAX_CACHED && oldest !== undefined) known.delete(oldest);
      return value;
    },
  };
}
