/**
 * Counts the packages of a repository as a scan does, without reading their Manifests. For people who wait: a disk that takes long
 * gives a lower bound.
 */
import { realpathSync } from "node:fs";
import { findManifest, listFolders } from "./read-folder.ts";
import { followInside } from "./repository-files.ts";
import { categoriesIn, type UnreadablePath } from "./scan.ts";

export interface PackageCount {
  /** How many packages have a Manifest. */
  readonly packages: number;
  /** False where there was no time to count all. */
  readonly complete: boolean;
  readonly unreadable: readonly UnreadablePath[];
}

function findIn(root: string, folder: string, isLink: boolean): ReturnType<typeof findManifest> {
  const inside = isLink ? followInside(root, folder) : folder;
  return typeof inside === "string" ? findManifest(root, `${folder}/Manifest`) : inside;
}

/** Yields each path that can be a Manifest, and each folder that cannot be listed. */
function* lookThrough(location: string) {
  const listing = listFolders(location);
  if (listing.kind === "unreadable") yield { path: location, found: listing };
  if (listing.kind !== "listing") return;
  const root = realpathSync(location);
  for (const category of categoriesIn(listing)) {
    const path = `${location}/${category}`;
    const inside = followInside(root, path);
    const packages = typeof inside === "string" ? listFolders(path) : inside;
    if (packages.kind === "unreadable") yield { path, found: packages };
    if (packages.kind !== "listing") continue;
    for (const name of packages.folders)
      yield { path: `${path}/${name}/Manifest`, found: findIn(root, `${path}/${name}`, packages.links.has(name)) };
  }
}

/** @param limitMs how long to count at most */
export function countPackages(location: string, limitMs: number): PackageCount {
  const until = performance.now() + limitMs;
  const unreadable: UnreadablePath[] = [];
  let packages = 0;
  for (const { path, found } of lookThrough(location)) {
    if (found.kind === "manifest") packages++;
    if (found.kind === "unreadable") unreadable.push({ path, reason: found.reason });
    if (performance.now() > until) return { packages, complete: false, unreadable };
  }
  return { packages, complete: true, unreadable };
}
