/**
 * Lists the packages of a repository that begin with a text, as shells complete them: categories as long as several could be meant,
 * then packages. Names that PMS 3.1 does not allow are left out: shells act on some characters.
 */
import { realpathSync } from "node:fs";
import { listFolders } from "./read-folder.ts";
import { followInside } from "./repository-files.ts";
import { categoriesIn } from "./scan.ts";

const NAME = /^[A-Za-z0-9_][A-Za-z0-9+_.-]*$/;
/** Nobody chooses from a longer list. */
const MAX_NAMES = 5_000;

function packagesIn(location: string, category: string, start: string): readonly string[] {
  const path = `${location}/${category}`;
  if (typeof followInside(realpathSync(location), path) !== "string") return [];
  const listing = listFolders(path);
  if (listing.kind !== "listing") return [];
  return listing.folders
    .filter((name) => NAME.test(name) && name.startsWith(start))
    .slice(0, MAX_NAMES)
    .map((name) => `${category}/${name}`);
}

/** @param prefix the beginning of CAT/PKG @returns `CAT/` for categories, `CAT/PKG` for packages */
export function packageNames(location: string, prefix: string): readonly string[] {
  const listing = listFolders(location);
  if (listing.kind !== "listing") return [];
  const categories = categoriesIn(listing).filter((name) => NAME.test(name));
  const slash = prefix.indexOf("/");
  if (slash >= 0) {
    const [category, start] = [prefix.slice(0, slash), prefix.slice(slash + 1)];
    return categories.includes(category) ? packagesIn(location, category, start) : [];
  }
  return categories.filter((name) => name.startsWith(prefix)).map((name) => `${name}/`);
}
