/**
 * What the validators of a request ask for (RFC 9110, section 13), as pure functions of headers and the file's own.
 */

export interface Validators {
  /** Strong, with its quotes; undefined where it is not known yet. */
  readonly etag: string | undefined;
  /** Milliseconds since the epoch; undefined where it is not known yet. */
  readonly lastModifiedAt: number | undefined;
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

/** Whether the client's copy is the current one, so that 304 is the answer. */
export function isNotModified(headers: Headers, { etag, lastModifiedAt }: Validators): boolean {
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) return listsEtag(ifNoneMatch, etag);
  const ifModifiedSince = headers.get("if-modified-since");
  if (ifModifiedSince === null) return false;
  const since = Date.parse(ifModifiedSince);
  return lastModifiedAt !== undefined && !Number.isNaN(since) && seconds(lastModifiedAt) <= seconds(since);
}

/** Whether a precondition of the client fails, so that 412 is the answer. */
export function isPreconditionFailed(headers: Headers, { etag, lastModifiedAt }: Validators): boolean {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) return !listsEtag(ifMatch.replace(/W\/"[^"]*"/g, ""), etag);
  const ifUnmodifiedSince = headers.get("if-unmodified-since");
  if (ifUnmodifiedSince === null) return false;
  const since = Date.parse(ifUnmodifiedSince);
  return lastModifiedAt !== undefined && !Number.isNaN(since) && seconds(lastModifiedAt) > seconds(since);
}

/** Whether a Range holds: If-Range, where it is there, must name exactly this file (strong comparison). */
export function rangeApplies(headers: Headers, { etag, lastModifiedAt }: Validators): boolean {
  const ifRange = headers.get("if-range");
  if (ifRange === null) return true;
  if (ifRange.includes('"')) return etag !== undefined && ifRange.trim() === etag;
  const date = Date.parse(ifRange);
  return lastModifiedAt !== undefined && seconds(lastModifiedAt) === seconds(date);
}
