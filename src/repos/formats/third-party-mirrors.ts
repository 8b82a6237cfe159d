/**
 * Parses profiles/thirdpartymirrors (PMS 4.4.2) and /etc/portage/mirrors (portage(5)): `NAME URL URL …`, `#` starts a comment
 * at any word, later lines of one name add to it. In a stack of files (portage: stack_dictlist) `-URL` removes a URL of an
 * earlier file, and `-*` all of them. Pure.
 */
import { MAX_LINE_CHARACTERS, withoutTrailing, wordsOf } from "../../lib/text.ts";

/** Base URLs by name. */
export type MirrorLists = ReadonlyMap<string, readonly string[]>;

/** Real lists have at most 25 URLs; those that remove one count, too. */
const MAX_WORDS = 256;

/** Reads at most 256 words of a name. */
export function parseMirrorLists(text: string): MirrorLists {
  const lists = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    if (line.length > MAX_LINE_CHARACTERS) continue;
    const words = wordsOf(line);
    const comment = words.findIndex((word) => word.startsWith("#"));
    const [name, ...urls] = comment < 0 ? words : words.slice(0, comment);
    if (name === undefined || urls.length === 0) continue;
    const list = lists.get(name) ?? [];
    list.push(...urls.slice(0, MAX_WORDS - list.length));
    lists.set(name, list);
  }
  return lists;
}

function stack(below: readonly string[], above: readonly string[]): readonly string[] {
  const urls = new Set(below);
  for (const word of above) {
    if (word === "-*") urls.clear();
    else if (word.startsWith("-")) urls.delete(word.slice(1));
    else urls.add(word);
  }
  return [...urls];
}

/**
 * Returns the URLs of one name; undefined where no file has it. A file may have thousands of other names.
 * @param files the lowest of the stack first
 */
export function stackedUrls(files: readonly MirrorLists[], name: string): readonly string[] | undefined {
  const lists = files.flatMap((file) => {
    const words = file.get(name);
    return words ? [words] : [];
  });
  return lists.length === 0 ? undefined : lists.reduce(stack, []);
}

/** Splits `mirror://NAME/PATH`; undefined for any other URI. */
export function splitMirrorUri(uri: string): { readonly name: string; readonly path: string } | undefined {
  const [, name, path] = /^mirror:\/\/([^/]+)\/(.+)$/i.exec(uri) ?? [];
  return name === undefined || path === undefined ? undefined : { name, path };
}

/** Joins base URL and path by one slash; slashes at the start of the path stay (`mirror://goproxy//x`). */
export function atMirror(base: string, path: string): string {
  return `${withoutTrailing(base, "/")}/${path}`;
}
