/**
 * What else than distfiles can be named at a Gentoo mirror: files below snapshots/, releases/ and experimental/, by their path.
 */
import { type DistfileName, parseDistfileName } from "./name.ts";

declare const mirrorPath: unique symbol;

/** A checked path such as `snapshots/gentoo-latest.tar.xz`: safe below the store, and never a distfile's name. */
export type MirrorPath = string & { readonly [mirrorPath]: true };

/** Whatever is stored: a distfile has no slash in its name, these have one at least. */
export type FileName = DistfileName | MirrorPath;

export const MIRROR_FOLDERS = ["snapshots", "releases", "experimental"] as const;

/** In bytes of UTF-8: the store's own path comes before it, and PATH_MAX is 4096. */
const MAX_PATH_BYTES = 1024;

/** The first folder of a request's path. */
export function isBelowMirrorFolder(path: string): boolean {
  return MIRROR_FOLDERS.some((folder) => path.startsWith(`/${folder}/`));
}

export function isMirrorPath(name: FileName): name is MirrorPath {
  return name.includes("/");
}

/** Percent-decoded once; undefined where that is no name of a file or folder. */
function parseSegment(segment: string): string | undefined {
  try {
    const name = parseDistfileName(decodeURIComponent(segment));
    return name?.includes("\\") ? undefined : name;
  } catch {
    // Not UTF-8 or not percent-encoded.
    return undefined;
  }
}

/**
 * @param path normalPath() of a request for which isBelowMirrorFolder() holds
 * @returns "folder" where it ends with a slash, "bad" where no mirror can have such a file
 */
export function parseMirrorPath(path: string): MirrorPath | "folder" | "bad" {
  const isFolder = path.endsWith("/");
  const segments = path
    .slice(1, isFolder ? -1 : undefined)
    .split("/")
    .map(parseSegment);
  const decoded = segments.join("/");
  if (segments.includes(undefined) || Buffer.byteLength(decoded) > MAX_PATH_BYTES) return "bad";
  return isFolder ? "folder" : (decoded as MirrorPath);
}

/** Suffixes of files that say something about another one of the same name without it. */
const COMPANION = /\.(?:md5sum|umd5sum|sha256|sha512|gpgsig|sig|asc|DIGESTS|CONTENTS(?:\.gz|\.xz)?)$/;

/**
 * The path of the file that this one belongs to, its own where that is itself: a file, its digests and its signature are made
 * together, and only those of one time agree.
 */
export function stemOf(path: MirrorPath): string {
  const stem = path.replace(COMPANION, "");
  if (stem.endsWith("/")) return path;
  return stem === path ? path : stemOf(stem as MirrorPath);
}
