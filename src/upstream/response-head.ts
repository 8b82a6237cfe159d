/**
 * Parses the head of an HTTP/1.x response as leniently as wget does, and as RFC 9112 has a proxy do it (sections 2.2, 4, 5.1, 5.2):
 * lines may end with LF alone, white space before a colon and folded lines are mended, and a line that is no field is passed over.
 * Pure.
 */

export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
}

const STATUS_LINE = /^HTTP(?:\/[\d.]{1,7})?[ \t]+(\d{3})(?!\d)/i;
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** Joins lines that begin with white space to the one before them (obs-fold). */
function unfolded(lines: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const line of lines) {
    const before = joined.at(-1);
    if (before !== undefined && /^[ \t]/.test(line)) joined[joined.length - 1] = `${before} ${line.trim()}`;
    else joined.push(line);
  }
  return joined;
}

/** @param lines without their ends, one character per byte; undefined where the first is no status line */
export function parseResponseHead([first = "", ...lines]: readonly string[]): ResponseHead | undefined {
  const status = Number(STATUS_LINE.exec(first)?.[1]);
  if (!(status >= 100 && status <= 599)) return undefined;
  const headers = new Headers();
  for (const line of unfolded(lines)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim();
    // NUL and CR in a value are to be replaced (RFC 9110, section 5.5).
    if (FIELD_NAME.test(name))
      headers.append(
        name,
        line
          .slice(colon + 1)
          .replaceAll(/[\0\r]/g, " ")
          .trim(),
      );
  }
  return { status, headers };
}

/** Parses the line before a chunk: `SIZE [; extension]`, in hex digits, also padded; undefined where it is none. */
export function parseChunkSize(line: string): number | undefined {
  const digits = /^[ \t]*(?:0x)?0{0,64}([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}
