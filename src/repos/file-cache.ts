/**
 * Files of a tree, which somebody else wrote: read only where they are regular files of sensible size that lie in the tree
 * itself, since a link may lead to what only the admin should see. What is made of small ones is remembered until they change.
 */
import { createHash } from "node:crypto";
import { lstat, readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

export interface FileCache<T> {
  /** Undefined where readInside() gives nothing. @param root real path of the tree */
  get(root: string, path: string): Promise<T | undefined>;
}

/** The largest eclass has 120 KiB, the largest ebuild seen and its md5-cache entry 400 KiB. */
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_KNOWN = 4096;

/** Real path of what lies at `path`; undefined where that is not within `root`, which is a real path itself. */
export async function realPathInside(root: string, path: string): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined);
  return real?.startsWith(root === "/" ? root : `${root}/`) ? real : undefined;
}

/**
 * The bytes of a file below `root` with its stamp, the stamp alone where it is the known one; undefined where it is not
 * there, is no regular file, is too large, or a link leads out of the tree.
 */
export async function readInside(
  root: string,
  path: string,
  known?: string,
): Promise<{ readonly stamp: string; readonly bytes?: Buffer } | undefined> {
  try {
    let real: string | undefined = path;
    let stats = await lstat(path, { bigint: true });
    // Directly in `root`, which is real, only a link can lead elsewhere; that spares most files two look-ups.
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

/** For the few files that trees have of a kind; each version of a synced tree lies at paths of its own. */
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
      if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
      return value;
    },
  };
}
