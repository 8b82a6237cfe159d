/**
 * Reads a repository's folders and Manifests, with errors as values: a path at which nothing is is absent; a path that cannot
 * be read now (permissions, I/O errors, a link to nothing or out of the repository) is unreadable, which proves nothing about
 * its contents.
 */
import { accessSync, constants, type Dirent, readdirSync, statSync } from "node:fs";
import { type Absent, findInsideSync, readFailureOf, readInsideSync, type Unreadable } from "./repository-files.ts";

export interface Listing {
  readonly kind: "listing";
  /** Sorted names of folders, and of links, that can be a category or a package. */
  readonly folders: readonly string[];
  /** Which of the folders are links, which may lead anywhere. */
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
export function listFolders(path: string): Listing | Absent | Unreadable {
  let children: Dirent[];
  try {
    children = readdirSync(path, { withFileTypes: true });
  } catch (error) {
    return readFailureOf(error, path);
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

function listEntries(path: string, suffix: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).filter(({ name }) => name.endsWith(suffix));
  } catch {
    // A folder that cannot be listed is noticed by other means: by its Manifest, or by accessFailure().
    return [];
  }
}

/** Returns the names in a folder that end so and are no links; none where it cannot be listed. */
export function listPlain(path: string, suffix: string): readonly string[] {
  return listEntries(path, suffix).flatMap((child) => (child.isSymbolicLink() ? [] : [child.name]));
}

/** Returns the names of the links in a folder that end so; none where it cannot be listed. */
export function listLinks(path: string, suffix: string): readonly string[] {
  return listEntries(path, suffix).flatMap((child) => (child.isSymbolicLink() ? [child.name] : []));
}

/** Returns why a file cannot be read, or a folder not listed and searched; absent also where nothing stands in the way. */
export function accessFailure(path: string): Absent | Unreadable {
  try {
    accessSync(path, statSync(path).isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK);
    return { kind: "absent" };
  } catch (error) {
    return readFailureOf(error, path);
  }
}

const WORLD_READABLE = 0o004n;

/** Looks for a Manifest without reading it. @param root real path of the repository */
export function findManifest(root: string, path: string): { readonly kind: "manifest" } | Absent | Unreadable {
  const found = findInsideSync(root, path);
  if (found.kind !== "regular") return found;
  try {
    if ((found.stats.mode & WORLD_READABLE) === 0n) accessSync(found.path, constants.R_OK);
    return { kind: "manifest" };
  } catch (error) {
    return readFailureOf(error, path);
  }
}

/** Reads the Manifest at `path` unless its stamp equals `known`. @param root real path of the repository */
export function readManifest(
  root: string,
  path: string,
  known: string | undefined,
): ManifestText | { readonly kind: "same" } | Absent | Unreadable {
  const found = readInsideSync(root, path, { kind: "Manifest", known });
  if (found.kind !== "file") return found;
  const { stamp, bytes } = found;
  return bytes ? { kind: "text", stamp, text: bytes.toString("utf8") } : { kind: "same" };
}
