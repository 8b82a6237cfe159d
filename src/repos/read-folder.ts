/**
 * What the disk says of a repository's folders and Manifests, with errors as values: a path that leads nowhere is
 * absent, one that cannot be followed just now (permissions, I/O errors) is unreadable, and says nothing. It waits for the
 * disk: a file from the page cache takes 10 µs, by way of the thread pool five times that.
 */
import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { reasonOf } from "../lib/error-reason.ts";

export interface Unreadable {
  readonly kind: "unreadable";
  /** Sentence part. */
  readonly reason: string;
}

export interface Absent {
  readonly kind: "absent";
}

export interface Listing {
  readonly kind: "listing";
  /** Names, sorted, of the folders that can be a category or a package, and of links that may lead to such. */
  readonly folders: readonly string[];
  /** Nothing is in it but hidden files. */
  readonly empty: boolean;
}

/** A Manifest whose stamp is not the known one. */
export interface ManifestText {
  readonly kind: "text";
  /** Inode, size, mtime and ctime in ns. Taken before the text is read, so a later change shows. */
  readonly stamp: string;
  readonly text: string;
}

/** PMS 3.1.1 and 3.1.2: names of categories and packages. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9+_.-]*$/;
const NOWHERE = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);
/** The largest Manifest seen has 1.2 MiB. */
const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

function failure(error: unknown): Absent | Unreadable {
  if (error instanceof Error && "code" in error && NOWHERE.has(String(error.code))) return { kind: "absent" };
  return { kind: "unreadable", reason: reasonOf(error) };
}

export function listFolders(path: string): Listing | Absent | Unreadable {
  let children: Dirent[];
  try {
    children = readdirSync(path, { withFileTypes: true });
  } catch (error) {
    return failure(error);
  }
  const visible = children.filter(({ name }) => !name.startsWith("."));
  const folders = visible.filter((child) => !child.isFile() && NAME.test(child.name)).map(({ name }) => name);
  return { kind: "listing", folders: folders.sort(), empty: visible.length === 0 };
}

/** Reads the Manifest at `path` unless its stamp is the known one; a folder or device of that name is no Manifest. */
export function readManifest(
  path: string,
  known: string | undefined,
): ManifestText | { readonly kind: "same" } | Absent | Unreadable {
  try {
    const stats = statSync(path, { bigint: true });
    if (!stats.isFile()) return { kind: "absent" };
    const stamp = `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    if (stamp === known) return { kind: "same" };
    if (stats.size > MAX_MANIFEST_BYTES) return { kind: "unreadable", reason: `its ${stats.size} bytes are too many` };
    return { kind: "text", stamp, text: readFileSync(path, "utf8") };
  } catch (error) {
    return failure(error);
  }
}
