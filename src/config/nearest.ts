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

/** A word with more typing mistakes than this was not meant. */
const MAX_MISTAKES = 2;

/** Returns whether the candidate was probably meant: a word whose every character differs was not. */
function isNear(given: string, candidate: string): boolean {
  const mistakes = editDistance(given.toLowerCase(), candidate.toLowerCase());
  return mistakes <= MAX_MISTAKES && mistakes < given.length;
}

/** Returns the candidate of least cost, the first of several. */
function cheapest(candidates: readonly string[], cost: (candidate: string) => number): string | undefined {
  let [best, least] = [candidates[0], Number.POSITIVE_INFINITY];
  for (const candidate of candidates) {
    const own = cost(candidate);
    if (own < least) [best, least] = [candidate, own];
  }
  return best;
}

/** Returns the most similar candidate; undefined if none was probably meant. */
export function nearest(given: string, candidates: readonly string[]): string | undefined {
  const near = candidates.filter((candidate) => isNear(given, candidate));
  return cheapest(near, (candidate) => editDistance(given.toLowerCase(), candidate.toLowerCase()));
}

/**
 * Returns the most similar key as `section.key`: the same name in another section is nearer than a different one in this.
 * Undefined if none was probably meant.
 */
export function nearestKey(section: string, name: string): string | undefined {
  const elsewhere = 1.5;
  const near = allSettings().filter((setting) => isNear(name, setting.name));
  return cheapest(near.map(pathOf), (candidate) => {
    const [ownSection = "", ownName = ""] = candidate.split(".");
    return editDistance(name.toLowerCase(), ownName) + (ownSection === section ? 0 : elsewhere);
  });
}

/** Returns what to write instead of a key that does not exist, to follow its name. */
export function keyHint(section: string, name: string): string {
  const meant = nearestKey(section, name);
  if (meant !== undefined) return `, did you mean ${meant}?`;
  const keys = allSettings().filter((setting) => setting.section === section);
  if (keys.length > 0) return `: expected one of ${keys.map((setting) => setting.name).join(", ")}`;
  const sections = Object.keys(SCHEMA);
  const guess = nearest(section, sections);
  return guess === undefined ? `: expected a key of ${sections.join(", ")}` : `, did you mean a key of [${guess}]?`;
}

/** Returns what to write instead of a section that does not exist, to follow its name. */
export function sectionHint(section: string): string {
  const sections = Object.keys(SCHEMA);
  const meant = nearest(section, sections);
  const expected = sections.map((name) => `[${name}]`).join(", ");
  return meant === undefined ? `: expected one of ${expected}` : `, did you mean [${meant}]?`;
}
