/**
 * Knows the files of a binhost by their paths (pure): binary packages, and the index `Packages` above them that names them with
 * their sizes and digests (portage: bintree, GLEP 78).
 */
import type { MirrorPath } from "./mirror-path.ts";

const INDEX = "Packages";
/** An index is offered in both forms, and Portage takes the first that it finds. */
const COMPRESSED_INDEX = "Packages.gz";
const PACKAGE_ENDS = [".gpkg.tar", ".xpak", ".tbz2"] as const;
/** Folders between an index and its packages: `CATEGORY/PF.tbz2`, `CATEGORY/PN/PF-BUILD_ID.gpkg.tar`. */
const DEPTHS = [2, 3] as const;

/** Returns the path of an index without the suffix of its compressed form; undefined for any other file. */
export function indexStem(path: string): string | undefined {
  if (path.endsWith(`/${INDEX}`)) return path;
  return path.endsWith(`/${COMPRESSED_INDEX}`) ? path.slice(0, -COMPRESSED_INDEX.length) + INDEX : undefined;
}

/** Returns where the index that names a binary package may be; none for any other file. */
export function indexesOf(path: MirrorPath): readonly string[] {
  if (!PACKAGE_ENDS.some((end) => path.endsWith(end))) return [];
  const segments = path.split("/");
  return DEPTHS.filter((depth) => segments.length > depth).map((depth) =>
    [...segments.slice(0, -depth), INDEX].join("/"),
  );
}
