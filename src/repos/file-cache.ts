/**
 * Caches what was parsed from files of repositories until they change.
 */
import { createHash } from "node:crypto";
import { type FileKind, readInside } from "./repository-files.ts";

export interface FileCache<T> {
  /** Returns undefined where the file is absent or unreadable. @param root real path of the repository */
  get(root: string, path: string): Promise<T | undefined>;
}

const MAX_CACHED = 4096;

export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** Caches files of which repositories have few; each version of a synced repository has paths of its own. */
export function createFileCache<T>(kind: FileKind, parse: (bytes: Buffer) => T): FileCache<T> {
  const known = new Map<string, { readonly stamp: string; readonly value: T }>();
  return {
    async get(root, path) {
      const before = known.get(path);
      const file = await readInside(root, path, { kind, known: before?.stamp });
      if (file.kind !== "file") {
        known.delete(path);
        return undefined;
      }
      if (!file.bytes) return before?.value;
      const value = parse(file.bytes);
      known.delete(path);
      known.set(path, { stamp: file.stamp, value });
      const [oldest] = known.keys();
      if (known.size > MAX_CACHED && oldest !== undefined) known.delete(oldest);
      return value;
    },
  };
}
