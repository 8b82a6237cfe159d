/**
 * Compares what is known of a file with the Manifests on disk, so that a file whose Manifests say the same waits for no scan: its
 * own Manifests are looked at, and read only where they were touched.
 */
import { realpathSync } from "node:fs";
import { contentKey } from "../distfile/digests.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import { parseManifest } from "./formats/manifest.ts";
import { readManifest } from "./read-folder.ts";
import { followInside } from "./repository-files.ts";

/**
 * Returns the location of a repository whose Manifest on disk, as far as that can be read, says something else; undefined where
 * all of them have these entries.
 */
export type OutdatedRepository = (wanted: readonly WantedBy[]) => string | undefined;

/** Of many packages the first ones decide which content counts. */
const MAX_CHECKED = 4;

/** @param stampOf the stamp of a package's Manifest as last read */
export function createManifestCheck(
  stampOf: (location: string, category: string, name: string) => string | undefined,
): OutdatedRepository {
  function agrees({ location, category, package: name, entry }: WantedBy): boolean {
    let root: string;
    try {
      root = realpathSync(location);
    } catch {
      // A repository that is missing keeps what is known of it.
      return true;
    }
    const folder = followInside(root, `${root}/${category}/${name}`);
    if (typeof folder !== "string") return folder.kind === "unreadable";
    const found = readManifest(root, `${folder}/Manifest`, stampOf(location, category, name));
    if (found.kind !== "text") return found.kind !== "absent";
    const key = contentKey(entry);
    return parseManifest(found.text).entries.some((one) => one.name === entry.name && contentKey(one) === key);
  }

  return (wanted) => wanted.slice(0, MAX_CHECKED).find((by) => !agrees(by))?.location;
}
