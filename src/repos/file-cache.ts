/**
 * Caches what was parsed from files of repositories until they change.
 */
import { createHash } from "node:crypto";
import { type FileKind, readInside, unreadableReason } from "./repository-files.ts";

/** A file cannot be read now, and nothing is known of it. */
export class UnreadableFileError extends Error {}

export interface FileCache<T> {
  /**
   * Returns undefined where the file is absent, or must not be read; what was read last where it cannot be read now.
   * @param root real path of the repository
   * @throws {UnreadableFileError} where it cannot be read now and was not before
   */
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
      if (file.kind === "unreadable" && file.passing) {
        if (before) return before.value;
        throw new UnreadableFileError(`${path} ${unreadableReason(file)}`);
      }
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
