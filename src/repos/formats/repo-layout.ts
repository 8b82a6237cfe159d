/**
 * Parses metadata/layout.conf of a repository (portage(5)): `key = value` lines, `#` comments. Returns masters and aliases
 * alone. Pure.
 */

import { MAX_LINE_CHARACTERS, wordsOf } from "../../lib/text.ts";

export interface RepoLayout {
  /** Names, in order; undefined where the key is missing, which differs from an empty list. */
  readonly masters?: readonly string[];
  readonly aliases: readonly string[];
}

/** Repositories have two or three masters, and each is looked up for each package. */
const MAX_NAMES = 32;

/** Reads the names, each once. */
function namesIn(text: string): readonly string[] {
  return [...new Set(wordsOf(text))].slice(0, MAX_NAMES);
}

export function parseRepoLayout(text: string): RepoLayout {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line.length > MAX_LINE_CHARACTERS) continue;
    const [, key, value] = /^\s*([\w-]+)\s*=\s*([^#]*)/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(key.toLowerCase(), value.trim());
  }
  const masters = values.get("masters");
  return {
    ...(masters === undefined ? {} : { masters: namesIn(masters) }),
    aliases: namesIn(values.get("aliases") ?? ""),
  };
}
