/**
 * Suggests a known word for a misspelt one (pure).
 */
import { allSettings, pathOf, SCHEMA } from "./schema.ts";

/** Levenshtein distance: how many characters to insert, remove or replace. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Returns the candidate of least cost, the first of several. */
function cheapest(candidates: readonly string[], cost: (candidate: string) => number): string {
  let [best = "", least] = ["", Number.POSITIVE_INFINITY];
  for (const candidate of candidates) {
    const own = cost(candidate);
    if (own < least) [best, least] = [candidate, own];
  }
  return best;
}

export function nearest(given: string, candidates: readonly string[]): string {
  return cheapest(candidates, (candidate) => editDistance(given.toLowerCase(), candidate.toLowerCase()));
}

export function nearestSection(section: string): string {
  return nearest(section, Object.keys(SCHEMA));
}

/** Returns the most similar key as `section.key`: the same name in another section is nearer than a different one in this. */
export function nearestKey(section: string, name: string): string {
  const elsewhere = 1.5;
  return cheapest(allSettings().map(pathOf), (candidate) => {
    const [ownSection = "", ownName = ""] = candidate.split(".");
    return editDistance(name.toLowerCase(), ownName) + (ownSection === section ? 0 : elsewhere);
  });
}
