/**
 * Decides how long a mirror's response is fresh (RFC 9111, section 4.2), as pure functions over its metadata. Mirrors say little:
 * where they say nothing the name says most. A file with a date in its path never changes as a rule; anything else
 * (`gentoo-latest.tar.xz`, `latest-stage3.txt`, a binhost's `Packages`) may change any day, and revalidation costs a 304.
 */

import type { MirrorPath } from "../../distfile/mirror-path.ts";
import type { HttpMetadata } from "../../index/files.ts";
import { parseHttpDate } from "../../lib/http-date.ts";
import { MAX_FIELD_CHARACTERS } from "../../upstream/request.ts";

// Not the arithmetic of http-cache-semantics (4.3.0), which fails freshness.test.ts: its age leaves out Date, the last of two
// directives counts, their names are case-sensitive, "60x" is a number, whatever Date.parse() takes is a date, max-age of a request
// counts a second late, proxy-revalidate means stale, s-maxage lets stale responses be used, and a clock set back makes them young.

/** The directives of a Cache-Control (section 5.2) by name, in lower case; one without a value has the empty one. */
export type Directives = ReadonlyMap<string, string>;

// Of a directive given twice the first counts (section 4.2.1).
const DIRECTIVE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]*)))?/g;

export function parseCacheControl(header: string | null): Directives {
  const directives = new Map<string, string>();
  const text = (header ?? "").slice(0, MAX_FIELD_CHARACTERS);
  for (const [, name = "", quoted, token] of text.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted?.replace(/\\(.)/g, "$1") ?? token ?? "");
  }
  return directives;
}

/** Reads what a client asks of caches; without Cache-Control an old Pragma counts (section 5.4). */
export function requestDirectives(headers: Headers): Directives {
  const header = headers.get("cache-control");
  if (header === null && /\bno-cache\b/i.test(headers.get("pragma") ?? "")) return new Map([["no-cache", ""]]);
  return parseCacheControl(header);
}

/** Greater values count as this (section 1.2.2). */
export const MAX_SECONDS = 2 ** 31;

/** Reads a directive with a number of seconds; undefined where it is not there. One that is no number is 0: stale at once. */
export function secondsMs(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  return /^\d+$/.test(value) ? 1000 * Math.min(Number(value), MAX_SECONDS) : 0;
}

/** What counts of a stored response. */
export interface StoredResponse {
  readonly name: MirrorPath;
  readonly metadata: Omit<HttpMetadata, "etag">;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Of the time since the last change (section 4.2.2). */
const HEURISTIC_SHARE = 0.1;
/** `gentoo-20260821.tar.xz`, `20260816T170000Z/…`. */
const DATED = /(?:^|[^0-9])20\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?![0-9])/;
const DATED_MS = { least: 60 * MINUTE_MS, most: 7 * DAY_MS };
/** Many machines ask in the same minute: that is one request to a mirror. */
const UNDATED_MS = { least: 10_000, most: 5 * MINUTE_MS };
/** What a mirror says counts as no more: one wrong answer must not stay for ever. */
const MAX_DATED_MS = 7 * 24 * 60 * 60 * 1000;
const MAX_UNDATED_MS = 6 * 60 * 60 * 1000;
/** Where the mirror does not say when it changed last. */
const UNKNOWN_MS = MINUTE_MS;

/** Returns whether a path says of which day the file is. */
export function isDated(path: string): boolean {
  return DATED.test(path);
}

function heuristicMs({ name, metadata: { lastModified, dateAt } }: StoredResponse): number {
  const { least, most } = isDated(name) ? DATED_MS : UNDATED_MS;
  const modifiedAt = parseHttpDate(lastModified);
  const share = modifiedAt === undefined ? UNKNOWN_MS : HEURISTIC_SHARE * Math.max(0, dateAt - modifiedAt);
  return Math.min(most, Math.max(least, share));
}

/** Freshness lifetime in a shared cache, from the response on. */
export function lifetimeMs(response: StoredResponse): number {
  const { cacheControl, expiresAt, dateAt } = response.metadata;
  const directives = parseCacheControl(cacheControl);
  const explicitMs = secondsMs(directives, "s-maxage") ?? secondsMs(directives, "max-age");
  if (explicitMs === undefined && expiresAt === null) return heuristicMs(response);
  const longestMs = isDated(response.name) ? MAX_DATED_MS : MAX_UNDATED_MS;
  return Math.min(longestMs, explicitMs ?? Math.max(0, (expiresAt ?? 0) - dateAt));
}

/** Age now (section 4.2.3). A clock that was set back makes nothing younger. */
export function ageMs(
  { answeredAt, initialAgeMs }: Pick<HttpMetadata, "answeredAt" | "initialAgeMs">,
  now: number,
): number {
  return initialAgeMs + Math.max(0, now - answeredAt);
}

/** `fresh`: may be used. `stale`: must be revalidated. `request`: fresh, but the client's Cache-Control does not accept it. */
export type Freshness = "fresh" | "stale" | "request";

export function freshnessOf(response: StoredResponse, request: Directives, now: number): Freshness {
  const { metadata } = response;
  const age = ageMs(metadata, now);
  const left = metadata.outdated ? Number.NEGATIVE_INFINITY : lifetimeMs(response) - age;
  const mayReuse = !parseCacheControl(metadata.cacheControl).has("no-cache") && !metadata.outdated;
  if (!mayReuse || left <= 0) return mayReuse && acceptsStale(metadata, request, -left) ? "fresh" : "stale";
  const most = secondsMs(request, "max-age");
  const isTooOld = most !== undefined && age >= most;
  return request.has("no-cache") || isTooOld || left < (secondsMs(request, "min-fresh") ?? 0) ? "request" : "fresh";
}

/** Returns whether the client takes a response that is stale by this much (section 5.2.1.2). */
function acceptsStale(metadata: Pick<HttpMetadata, "cacheControl">, request: Directives, staleMs: number): boolean {
  if (!request.has("max-stale") || request.has("no-cache") || request.has("max-age")) return false;
  if (!mayBeStale(metadata)) return false;
  return request.get("max-stale") === "" || staleMs <= (secondsMs(request, "max-stale") ?? 0);
}

/** Returns whether it may be used when it is stale and no mirror can be asked (section 4.2.4). */
export function mayBeStale({ cacheControl }: Pick<HttpMetadata, "cacheControl">): boolean {
  const directives = parseCacheControl(cacheControl);
  // s-maxage implies proxy-revalidate (section 5.2.2.10).
  return !["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"].some((name) => directives.has(name));
}
