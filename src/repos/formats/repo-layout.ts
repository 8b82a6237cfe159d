/**
 * metadata/layout.conf of a repository (PMS 4.4's kin; portage(5)), pure: `key = value` lines, `#` comments. What
 * matters here are its masters and its other names.
 */

export interface RepoLayout {
  /** Names, in order; undefined where the key is missing, which is not the same as no masters. */
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
