/**
 * What the trees want under a name (pure): the different contents, first tree first, and who wants them.
 */
import { contentKey, type Digests, type DistEntry } from "./digests.ts";

/** A package whose Manifest has the file. */
export interface WantedBy {
  readonly repository: string;
  readonly category: string;
  readonly package: string;
  readonly entry: DistEntry;
}

/** The different contents that trees want, in the order of the trees. */
export function contentsOf(wanted: readonly WantedBy[]): readonly Digests[] {
  const contents = new Map<string, Digests>();
  for (const { entry } of wanted) {
    const key = contentKey(entry);
    if (!contents.has(key)) contents.set(key, entry);
  }
  return [...contents.values()];
}

/** Packages by name for people, each once: `gentoo: app-misc/hello`. */
export function wantedByText(wanted: readonly WantedBy[]): readonly string[] {
  return [...new Set(wanted.map((by) => `${by.repository}: ${by.category}/${by.package}`))];
}
