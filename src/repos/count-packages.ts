/**
 * Counts the packages of a repository as a scan does, without reading their Manifests. For people who wait: a disk that takes long
 * gives a lower bound.
 */
import { realpathSync } from "node:fs";
import { accessFailure, findManifest, listFolders, listLinks, listPlain } from "./read-folder.ts";
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

/** Yields links out of the repository, and what cannot be read, among a folder's ebuilds or eclasses. */
function* lookAtFiles(root: string, folder: string, suffix: string) {
  for (const name of listLinks(folder, suffix)) {
    const path = `${folder}/${name}`;
    const inside = followInside(root, path);
    if (typeof inside !== "string" && inside.kind === "unreadable") yield { path, found: inside };
  }
  for (const path of listPlain(folder, suffix).map((name) => `${folder}/${name}`)) {
    const found = accessFailure(path);
    if (found.kind === "unreadable") yield { path, found };
  }
}

/** What a scan does not read, but the search for sources does. */
const READ_LATER = ["metadata/layout.conf", "metadata/md5-cache", "profiles/thirdpartymirrors", "eclass"];

/** Yields the files and folders of READ_LATER that cannot be read. */
function* lookAtOthers(location: string) {
  for (const path of READ_LATER.map((name) => `${location}/${name}`)) {
    const found = accessFailure(path);
    if (found.kind === "unreadable") yield { path, found };
  }
}

/** Yields each path that can be a Manifest, and what cannot be listed or read. */
function* lookThrough(location: string) {
  const listing = listFolders(location);
  if (listing.kind === "unreadable") yield { path: location, found: listing };
  if (listing.kind !== "listing") return;
  const root = realpathSync(location);
  yield* lookAtOthers(location);
  yield* lookAtFiles(root, `${location}/eclass`, ".eclass");
  for (const category of categoriesIn(listing)) {
    const path = `${location}/${category}`;
    const inside = followInside(root, path);
    const packages = typeof inside === "string" ? listFolders(path) : inside;
    if (packages.kind === "unreadable") yield { path, found: packages };
    if (packages.kind !== "listing") continue;
    for (const name of packages.folders) {
      const found = findIn(root, `${path}/${name}`, packages.links.has(name));
      yield { path: `${path}/${name}/Manifest`, found };
      if (found.kind === "manifest") yield* lookAtFiles(root, `${path}/${name}`, ".ebuild");
    }
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
