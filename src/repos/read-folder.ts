/**
 * Reads a repository's folders and Manifests, with errors as values: a path that leads nowhere is absent; a path that cannot
 * be read now (permissions, I/O errors, a link out of the repository) is unreadable, which proves nothing about its contents.
 * Reads synchronously: a file from the page cache takes 10 µs, through the thread pool five times that (measured).
 */
import {
  accessSync,
  type BigIntStats,
  constants,
  type Dirent,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from "node:fs";
import { reasonOf } from "../lib/error-reason.ts";
import { codeOf } from "../lib/exists.ts";

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
  /** Sorted names of folders, and of links, that can be a category or a package. */
  readonly folders: readonly string[];
  /** Those of them that are links, which may lead anywhere. */
  readonly links: ReadonlySet<string>;
  /** Whether the folder has nothing but hidden files. */
  readonly empty: boolean;
}

/** A Manifest whose stamp differs from the known one. */
export interface ManifestText {
  readonly kind: "text";
  /** Inode, size, mtime and ctime in ns. Taken before the text is read, so that a later change shows. */
  readonly stamp: string;
  readonly text: string;
}

/** Names of categories and packages (PMS 3.1.1, 3.1.2). */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9+_.-]*$/;
const NOWHERE = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);
/** The largest Manifest seen has 1.2 MiB. */
const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

function failure(error: unknown): Absent | Unreadable {
  if (NOWHERE.has(codeOf(error))) return { kind: "absent" };
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
  const folders = visible.filter((child) => !child.isFile() && NAME.test(child.name));
  return {
    kind: "listing",
    folders: folders.map(({ name }) => name).sort(),
    links: new Set(folders.filter((child) => child.isSymbolicLink()).map(({ name }) => name)),
    empty: visible.length === 0,
  };
}

const LINK_OUT: Unreadable = { kind: "unreadable", reason: "a link out of the repository" };

/**
 * Follows a link within a repository, whose authors are not trusted: outside there are files that only the admin should see.
 * Returns the real path. @param root real path of the repository
 */
export function followInside(root: string, path: string): string | Absent | Unreadable {
  try {
    const real = realpathSync(path);
    return real === root || real.startsWith(root === "/" ? root : `${root}/`) ? real : LINK_OUT;
  } catch (error) {
    return failure(error);
  }
}

type ManifestStats = { readonly kind: "manifest"; readonly path: string; readonly stats: BigIntStats };

/** A folder or device of that name counts as absent. */
function statManifest(root: string, path: string): ManifestStats | Absent | Unreadable {
  try {
    const stats = lstatSync(path, { bigint: true });
    if (stats.isFile()) return { kind: "manifest", path, stats };
    if (!stats.isSymbolicLink()) return { kind: "absent" };
    const real = followInside(root, path);
    if (typeof real !== "string") return real;
    const target = statSync(real, { bigint: true });
    return target.isFile() ? { kind: "manifest", path: real, stats: target } : { kind: "absent" };
  } catch (error) {
    return failure(error);
  }
}

const WORLD_READABLE = 0o004n;

/** Looks for a Manifest without reading it. @param root real path of the repository */
export function findManifest(root: string, path: string): { readonly kind: "manifest" } | Absent | Unreadable {
  const found = statManifest(root, path);
  if (found.kind !== "manifest" || (found.stats.mode & WORLD_READABLE) !== 0n) return found;
  try {
    accessSync(found.path, constants.R_OK);
    return found;
  } catch (error) {
    return failure(error);
  }
}

/** Reads the Manifest at `path` unless its stamp equals `known`. @param root real path of the repository */
export function readManifest(
  root: string,
  path: string,
  known: string | undefined,
): ManifestText | { readonly kind: "same" } | Absent | Unreadable {
  const found = statManifest(root, path);
  if (found.kind !== "manifest") return found;
  const { stats } = found;
  try {
    const stamp = `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    if (stamp === known) return { kind: "same" };
    if (stats.size > MAX_MANIFEST_BYTES) return { kind: "unreadable", reason: `too large: ${stats.size} bytes` };
    return { kind: "text", stamp, text: readFileSync(found.path, "utf8") };
  } catch (error) {
    return failure(error);
  }
}
