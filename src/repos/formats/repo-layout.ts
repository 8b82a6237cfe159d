/**
 * Parses metadata/layout.conf of a repository (portage(5)): `key = value` lines, `#` comments. Returns masters and aliases
 * alone. Pure.
 */

export interface RepoLayout {
  /** Names, in order; undefined where the key is missing, which differs from an empty list. */
  readonly masters?: readonly string[];
  readonly aliases: readonly string[];
}

function words(value: string | undefined): readonly string[] {
  return (value ?? "").split(/\s+/).filter((word) => word !== "");
}

export function parseRepoLayout(text: string): RepoLayout {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, value] = /^\s*([\w-]+)\s*=\s*([^#]*)/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(key.toLowerCase(), value.trim());
  }
  const masters = values.get("masters");
  return { ...(masters === undefined ? {} : { masters: words(masters) }), aliases: words(values.get("aliases")) };
}
