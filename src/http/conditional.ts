/**
 * Makes a file's validators and evaluates the preconditions of a request against them (RFC 9110, sections 8.8 and 13; pure).
 */
import { parseHttpDate } from "../lib/http-date.ts";

export interface Validators {
  /** Strong, with its quotes; undefined while unknown. */
  readonly etag: string | undefined;
  /** Milliseconds since the epoch; undefined while unknown. */
  readonly lastModifiedAt: number | undefined;
}

/** 128 bits tell any two distfiles apart. */
const ETAG_DIGITS = 32;

/**
 * Makes the strong ETag of a file from its BLAKE2B alone, so it is the same while the file comes in, when it is stored, and after the
 * index was rebuilt; undefined while the BLAKE2B is unknown.
 */
export function etagOf(blake2b: string | undefined): string | undefined {
  return blake2b === undefined ? undefined : `"${blake2b.slice(0, ETAG_DIGITS)}"`;
}

/** HTTP dates have whole seconds. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function listsEtag(header: string, etag: string | undefined): boolean {
  if (header.trim() === "*") return true;
  if (etag === undefined) return false;
  // Weak comparison: W/ makes no difference to If-None-Match (section 8.8.3.2).
  const listed: readonly string[] = header.match(/"[^"]*"/g) ?? [];
  return listed.includes(etag);
}

/** Returns whether the client's copy is current, so that the answer is 304. */
export function isNotModified(headers: Headers, { etag, lastModifiedAt }: Validators): boolean {
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) return listsEtag(ifNoneMatch, etag);
  const ifModifiedSince = headers.get("if-modified-since");
  if (ifModifiedSince === null) return false;
  const since = parseHttpDate(ifModifiedSince);
  return lastModifiedAt !== undefined && since !== undefined && seconds(lastModifiedAt) <= seconds(since);
}

/** Returns whether a precondition of the client fails, so that the answer is 412. */
export function isPreconditionFailed(headers: Headers, { etag, lastModifiedAt }: Validators): boolean {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) return !listsEtag(ifMatch.replace(/W\/"[^"]*"/g, ""), etag);
  const ifUnmodifiedSince = headers.get("if-unmodified-since");
  if (ifUnmodifiedSince === null) return false;
  const since = parseHttpDate(ifUnmodifiedSince);
  return lastModifiedAt !== undefined && since !== undefined && seconds(lastModifiedAt) > seconds(since);
}

/** Returns whether Range counts: If-Range, if sent, must name exactly this file (strong comparison). */
export function rangeApplies(headers: Headers, { etag, lastModifiedAt }: Validators): boolean {
  const ifRange = headers.get("if-range");
  if (ifRange === null) return true;
  if (ifRange.includes('"')) return etag !== undefined && ifRange.trim() === etag;
  const date = parseHttpDate(ifRange);
  return lastModifiedAt !== undefined && date !== undefined && seconds(lastModifiedAt) === seconds(date);
}
