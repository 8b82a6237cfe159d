/**
 * Names the mirror files: what a Gentoo mirror carries below snapshots/, releases/ and experimental/, by path.
 */
import { indexStem } from "./binhost.ts";
import { type DistfileName, parseDistfileName } from "./name.ts";

declare const mirrorPath: unique symbol;

/** A checked path such as `snapshots/gentoo-latest.tar.xz`: safe below the store, and never a distfile's name. */
export type MirrorPath = string & { readonly [mirrorPath]: true };

/** Whatever is stored: a distfile has no slash in its name, these have one at least. */
export type FileName = DistfileName | MirrorPath;

export const MIRROR_FOLDERS = ["snapshots", "releases", "experimental"] as const;

/** Folder of files coming in beside those that are stored, where partial/ is on another file system; no mirror file's path. */
export const PARTIAL_FOLDER = ".partial";

/** In bytes of UTF-8: the store's own path comes before it, and PATH_MAX is 4096. */
const MAX_PATH_BYTES = 1024;

/** The first folder of a request's path. */
export function isBelowMirrorFolder(path: string): boolean {
  return MIRROR_FOLDERS.some((folder) => path.startsWith(`/${folder}/`));
}

export function isMirrorPath(name: FileName): name is MirrorPath {
  return name.includes("/");
}

/** Returns whether a mirror can have a file there. */
function isPath(text: string): text is MirrorPath {
  const [first = "", ...rest] = text.split("/");
  const isBelow = rest.length > 0 && rest[0] !== PARTIAL_FOLDER && MIRROR_FOLDERS.some((folder) => folder === first);
  if (!isBelow || !rest.every((segment) => parseDistfileName(segment) !== undefined)) return false;
  return !text.includes("\\") && Buffer.byteLength(text) <= MAX_PATH_BYTES;
}

/** Returns the name of a distfile or the path of a mirror file; undefined where the text is neither. */
export function parseFileName(text: string): FileName | undefined {
  if (!text.includes("/")) return parseDistfileName(text);
  return isPath(text) ? text : undefined;
}

/**
 * Decodes percent-encoding once.
 * @param path normalPath() of a request for which isBelowMirrorFolder() holds
 * @returns "folder" where it ends with a slash, "bad" where no mirror can have such a file
 */
export function parseMirrorPath(path: string): MirrorPath | "folder" | "bad" {
  // Each byte takes three characters at most, and slashes stand around it.
  if (path.length > 3 * MAX_PATH_BYTES + 2) return "bad";
  const isFolder = path.endsWith("/");
  try {
    const segments = path
      .slice(1, isFolder ? -1 : undefined)
      .split("/")
      .map(decodeURIComponent);
    // A slash that was encoded is no separator.
    if (segments.some((segment) => segment.includes("/"))) return "bad";
    const decoded = segments.join("/");
    if (isFolder) return segments.length === 1 || isPath(decoded) ? "folder" : "bad";
    return isPath(decoded) ? decoded : "bad";
  } catch {
    // Not UTF-8 or not percent-encoded.
    return "bad";
  }
}

/** Suffixes of files that say something about another one of the same name without it. */
const COMPANION = /\.(?:md5sum|umd5sum|sha256|sha512|gpgsig|sig|asc|DIGESTS|CONTENTS(?:\.gz|\.xz)?)$/;

/**
 * Returns the path of the file that this one belongs to, which may be itself: a file, its digests and its signature are made
 * together, and only those of one time agree.
 */
export function stemOf(path: string): string {
  const index = indexStem(path);
  if (index !== undefined) return index;
  const stem = path.replace(COMPANION, "");
  if (stem.endsWith("/")) return path;
  return stem === path ? path : stemOf(stem);
}

/** Returns the path of a file that says something about this one, such as `snapshots/x.tar.xz.md5sum`; undefined if too long. */
export function companionOf(path: MirrorPath, suffix: string): MirrorPath | undefined {
  const companion = `${stemOf(path)}${suffix}`;
  return isPath(companion) ? companion : undefined;
}
