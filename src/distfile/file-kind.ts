/**
 * Tells kinds of files apart by their paths (pure), as people ask about them: distfiles, the packages of a binhost with their index,
 * snapshots, and everything else on a mirror.
 */

export const FILE_KINDS = ["distfiles", "binary-packages", "snapshots", "others"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** The folder of binhosts below releases/ARCH/. */
export const BINHOST_FOLDER = "/binpackages/";

/** @param name of a stored file, or the path of a request, which begins with a slash */
export function fileKind(name: string): FileKind {
  // A distfile's name has none.
  if (!name.includes("/")) return "distfiles";
  const path = name.startsWith("/") ? name.slice(1) : name;
  if (path.startsWith("snapshots/")) return "snapshots";
  if (path.startsWith("releases/")) return path.includes(BINHOST_FOLDER) ? "binary-packages" : "others";
  return path.startsWith("experimental/") ? "others" : "distfiles";
}
