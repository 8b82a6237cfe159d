/**
 * Parses the input of `portcache fetch -` (pure): names of distfiles, or the output of `emerge --pretend --fetchonly`, which has
 * a line of URIs for each file, mirrors first, among other lines.
 */
import { wordsOf } from "../lib/text.ts";

const URI = /^[a-z][a-z0-9+.-]*:\/\/\S+$/i;
/** URIs of mirrors: all give the same name. */
const AT_MIRROR = /\/distfiles\//;

/** Drops the URIs that name the file as an earlier one does. */
function usefulUris(uris: readonly string[]): readonly string[] {
  const first = uris.find((uri) => AT_MIRROR.test(uri));
  return [...(first === undefined ? [] : [first]), ...uris.filter((uri) => !AT_MIRROR.test(uri))];
}

/** Returns items that are each a name, or the URIs of one file separated by blanks. */
export function parseFetchInput(text: string): readonly string[] {
  const lines = text.split("\n").map(wordsOf);
  const uriLines = lines.filter((words) => words.length > 0 && words.every((word) => URI.test(word)));
  // Other lines of emerge's output do not matter.
  const items = uriLines.length > 0 ? uriLines.map((uris) => usefulUris(uris).join(" ")) : lines.flat();
  return [...new Set(items)];
}

/** Returns the names that the file of these URIs may have, the likeliest first. */
export function namesInUris(item: string): readonly string[] {
  const names = wordsOf(item).flatMap((uri) => {
    const [path = ""] = uri.split(/[?#]/, 1);
    const last = path.slice(path.lastIndexOf("/") + 1);
    try {
      return [decodeURIComponent(last)];
    } catch {
      return [last];
    }
  });
  return [...new Set(names)].filter((name) => name !== "");
}

export function isUris(item: string): boolean {
  return item.includes("://");
}
