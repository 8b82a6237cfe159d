/**
 * Writes the Range of a request, and reads from the status line and headers of a response which bytes of the file its body has
 * (RFC 9110, sections 14 and 15.3.7).
 */
import { SourceError } from "../distfile/errors.ts";
import { shown } from "../lib/text.ts";
import { retryAfterMs } from "./host-gate.ts";

/** The part of a file that is requested. */
export interface Range {
  /** Bytes that are here already: the rest is requested. */
  readonly offset: number;
  /** The byte after the last one requested; undefined: to the end of the file. */
  readonly end?: number | undefined;
}

export interface ContentRange {
  readonly first: number;
  readonly last: number;
  /** Undefined when the sender does not know it. */
  readonly total: number | undefined;
}

/**
 * Parses `bytes FIRST-LAST/TOTAL` or `bytes FIRST-LAST/*`, also with a colon or an equals sign or without the unit, as old servers
 * write it; undefined for anything else, and for numbers that contradict.
 */
export function parseContentRange(text: string | null): ContentRange | undefined {
  const match = /^(?:bytes(?:[:=]\s*|\s+))?(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(text?.trim() ?? "");
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2]);
  const total = match[3] === "*" ? undefined : Number(match[3]);
  if (last < first || (total !== undefined && last >= total)) return undefined;
  return { first, last, total };
}

/**
 * Returns the length of the body, if the headers have it: the number that they begin with, as wget reads it. One that is repeated, as
 * proxies do, is one length (RFC 9112, section 6.3).
 */
export function contentLength(headers: Headers): number | undefined {
  const [length = "", ...repeated] = (headers.get("content-length") ?? "").split(",").map((text) => text.trim());
  const digits = /^\+?(\d{1,15})(?!\d)/.exec(length)?.[1];
  return digits === undefined || repeated.some((other) => other !== length) ? undefined : Number(digits);
}

/** Returns the Range header; undefined when the whole file is requested. */
export function rangeHeader({ offset, end }: Range): string | undefined {
  if (end !== undefined) return `bytes=${offset}-${end - 1}`;
  return offset > 0 ? `bytes=${offset}-` : undefined;
}

/** The error for a status that is neither a body nor a redirect. */
function statusError(status: number, headers: Headers, offset: number): SourceError {
  if (status === 404 || status === 410) return new SourceError("absent", `answered ${status}`, { status });
  // A range from the start is never beyond the end of a file: this server just takes no ranges.
  if (status === 416 && offset > 0)
    return new SourceError("bad", `answered 416, so its file ends before byte ${offset}`, { status });
  const waitMs = retryAfterMs({ status, headers }, Date.now());
  const wish = waitMs === undefined ? "" : ` and asked to wait for ${Math.ceil(waitMs / 1000)} s`;
  return new SourceError("failed", `answered ${status}${wish}`, { status, retryAfterMs: waitMs });
}

/** A range, and the size of its file where a hash decides whether the bytes are right. */
type SizedRange = Range & { readonly size?: number | undefined };

/** Returns whether the body is the whole file: where a hash decides, under every status under which wget takes it. */
function isWholeBody(status: number, headers: Headers, request: SizedRange): boolean {
  // 203: a proxy on the way changed something, such as a header field.
  if (status === 200 || status === 203) return true;
  if (request.size === undefined || rangeHeader(request) !== undefined) return false;
  const isTaken = (status >= 200 && status <= 299 && status !== 204) || status === 300;
  return isTaken && contentLength(headers) === request.size;
}

/**
 * Returns where in the file the body starts, and how long the file is.
 * @throws {SourceError} when the response is no part of the file that was requested
 */
export function responseRange(
  status: number,
  headers: Headers,
  request: SizedRange,
): { offset: number; total: number | undefined } {
  if (isWholeBody(status, headers, request)) return { offset: 0, total: contentLength(headers) };
  const requested = rangeHeader(request);
  const range = status === 206 ? parseContentRange(headers.get("content-range")) : undefined;
  // All of the file is the file, although nobody asked for a range.
  const isWhole = requested === undefined && range?.first === 0 && range.last + 1 === range.total;
  if (status !== 206 || (requested === undefined && !isWhole)) throw statusError(status, headers, request.offset);
  const end = request.end ?? range?.total;
  if (range?.first !== request.offset || (end !== undefined && range.last !== end - 1)) {
    throw new SourceError(
      "bad",
      `answered ${requested ?? "a request"} with ${shown(headers.get("content-range") ?? "no Content-Range")}`,
      { status },
    );
  }
  const length = contentLength(headers);
  if (length !== undefined && length !== range.last - range.first + 1) {
    const detail = `answered a range with a Content-Length of ${length} that contradicts it`;
    throw new SourceError("bad", detail, { status });
  }
  return { offset: range.first, total: range.total };
}
