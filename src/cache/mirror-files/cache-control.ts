/**
 * Cache-Control (RFC 9111, section 5.2), as pure functions: directives by name, in lower case; a name without a value has the
 * empty one. Of a directive given twice the first counts, as section 4.2.1 asks.
 */

export type Directives = ReadonlyMap<string, string>;

const DIRECTIVE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]*)))?/g;

export function parseCacheControl(header: string | null): Directives {
  const directives = new Map<string, string>();
  for (const [, name = "", quoted, token] of (header ?? "").matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted?.replace(/\\(.)/g, "$1") ?? token ?? "");
  }
  return directives;
}

/** What a client asks of caches; without Cache-Control a Pragma of old counts (RFC 9111, section 5.4). */
export function requestDirectives(headers: Headers): Directives {
  const header = headers.get("cache-control");
  if (header === null && /\bno-cache\b/i.test(headers.get("pragma") ?? "")) return new Map([["no-cache", ""]]);
  return parseCacheControl(header);
}

/** More is no longer than this (RFC 9111, section 1.2.2). */
const MOST_SECONDS = 2 ** 31;

/** Of a directive with a number of seconds; undefined where it is not there. One that is no number is 0: stale at once. */
export function secondsMs(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  return /^\d+$/.test(value) ? 1000 * Math.min(Number(value), MOST_SECONDS) : 0;
}
