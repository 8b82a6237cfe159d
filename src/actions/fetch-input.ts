/**
 * What `portcache fetch -` reads (pure): names of distfiles, or what `emerge --pretend --fetchonly` prints. That has, among
 * much else, a line for each file: the URIs where it can be had, mirrors first.
 */
const URI = /^[a-z][a-z0-9+.-]*:\/\/\S+$/i;
/** Mirrors are all alike: the first tells the name. */
const AT_MIRROR = /\/distfiles\//;

/** Those that can tell more than the ones before. */
function telling(uris: readonly string[]): readonly string[] {
  const first = uris.find((uri) => AT_MIRROR.test(uri));
  return [...(first === undefined ? [] : [first]), ...uris.filter((uri) => !AT_MIRROR.test(uri))];
}

function wordsOf(line: string): readonly string[] {
  return line.split(/\s+/).filter((word) => word !== "");
}

/** Each is a name, or the URIs of one file with blanks between. */
export function parseFetchInput(text: string): readonly string[] {
  const lines = text.split("\n").map(wordsOf);
  const uriLines = lines.filter((words) => words.length > 0 && words.every((word) => URI.test(word)));
  // In emerge's output all else is talk.
  const items = uriLines.length > 0 ? uriLines.map((uris) => telling(uris).join(" ")) : lines.flat();
  return [...new Set(items)];
}

/** Names that the file of these URIs may have, the likeliest first. */
export function namesInUris(item: string): readonly string[] {
  const names = wordsOf(item).flatMap((uri) => {
    const path = uri.replace(/[?#].*$/, "");
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
