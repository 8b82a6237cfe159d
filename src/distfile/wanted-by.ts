/**
 * Lists the packages that want a file, and the different contents that they want under its name (pure).
 */
import { contentKey, type Digests, type DistEntry } from "./digests.ts";

/** A package whose Manifest has the file. */
export interface WantedBy {
  /** The repository's name; two repositories may share one, so `location` identifies them. */
  readonly repository: string;
  readonly location: string;
  readonly category: string;
  readonly package: string;
  readonly entry: DistEntry;
}

/** Of one repository; a name has hardly ever a second one. Each is fetched in turn, so that a repository must not have any number. */
const MAX_CONTENTS = 4;
/** How many packages are named to people at most. */
const MAX_NAMED = 20;

/** Returns the different contents that packages want, first repository first; of each repository no more than four. */
export function contentsOf(wanted: readonly WantedBy[]): readonly Digests[] {
  const contents = new Map<string, Digests>();
  const counts = new Map<string, number>();
  for (const { entry, location } of wanted) {
    const key = contentKey(entry);
    const count = counts.get(location) ?? 0;
    if (contents.has(key) || count >= MAX_CONTENTS) continue;
    contents.set(key, entry);
    counts.set(location, count + 1);
  }
  return [...contents.values()];
}

/** Names the packages for people, each once: `gentoo: app-misc/hello`; of many the first ones. */
export function wantedByText(wanted: readonly WantedBy[]): readonly string[] {
  const names = [...new Set(wanted.map((by) => `${by.repository}: ${by.category}/${by.package}`))];
  if (names.length <= MAX_NAMED) return names;
  return [...names.slice(0, MAX_NAMED), `${names.length - MAX_NAMED} more packages`];
}
