/**
 * Finds the URIs that an ebuild's pkg_nofetch (PMS 9.1.14) shows to people, as far as they are in its text as they are: those with
 * variables would have to be computed by bash. Pure.
 */

const START = /^pkg_nofetch[ \t]*\(\)[ \t]*\{\n/m;
/** A function ends at a brace in the first column, as all of ::gentoo has it. */
const END = "\n}";
const URI = /\bhttps?:\/\/[^\s"'`<>\\|;(){}]+/g;
const MAX_URI_CHARACTERS = 1_024;

/** @returns each once, in their order */
export function nofetchUris(ebuild: string): readonly string[] {
  const start = START.exec(ebuild);
  if (!start) return [];
  const from = start.index + start[0].length;
  const end = ebuild.indexOf(END, from - 1);
  const body = ebuild.slice(from, end < 0 ? from : end);
  const uris = (body.match(URI) ?? []).filter((uri) => uri.length <= MAX_URI_CHARACTERS && !uri.includes("$"));
  return [...new Set(uris.map((uri) => uri.replace(/[.,:!?]+$/, "")))];
}
