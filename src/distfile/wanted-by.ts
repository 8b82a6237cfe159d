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

/** Returns the different contents that packages want, first repository first. */
export function contentsOf(wanted: readonly WantedBy[]): readonly Digests[] {
  const contents = new Map<string, Digests>();
  for (const { entry } of wanted) {
    const key = contentKey(entry);
    if (!contents.has(key)) contents.set(key, entry);
  }
  return [...contents.values()];
}

/** Names the packages for people, each once: `gentoo: app-misc/hello`. */
export function wantedByText(wanted: readonly WantedBy[]): readonly string[] {
  return [...new Set(wanted.map((by) => `${by.repository}: ${by.category}/${by.package}`))];
}
