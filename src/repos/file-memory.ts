/**
 * What was made of small files of a tree, read again only when they change: layout.conf, eclasses, lists of mirrors.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";

export interface FileMemory<T> {
  /** Undefined where there is no such regular file, or it cannot be read. */
  get(path: string): Promise<T | undefined>;
}

/** The largest eclass has 120 KiB, the largest ebuild seen 400 KiB; a device or a disk image is neither. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_KNOWN = 4096;

/** The bytes of a regular file of sensible size with its stamp; undefined where it is none. */
export async function readRegular(
  path: string,
  known?: string,
): Promise<{ readonly stamp: string; readonly bytes?: Buffer } | undefined> {
  try {
    const stats = await stat(path, { bigint: true });
    if (!stats.isFile() || stats.size > MAX_BYTES) return undefined;
    const stamp = `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    return stamp === known ? { stamp } : { stamp, bytes: await readFile(path) };
  } catch {
    return undefined;
  }
}

export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** For the few files that trees have of a kind; each version of a synced tree lies at paths of its own. */
export function createFileMemory<T>(parse: (bytes: Buffer) => T): FileMemory<T> {
  const known = new Map<string, { readonly stamp: string; readonly value: T }>();
  return {
    async get(path) {
      const before = known.get(path);
      const file = await readRegular(path, before?.stamp);
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
