/**
 * Which bytes of a file are asked for, and which ones an answer brings by its status line and headers (RFC 9110, sections 14.2
 * and 15.3.7).
 */
import { SourceError } from "../distfile/errors.ts";
import { parseContentRange } from "./content-range.ts";

/** What is wanted of a file. */
export interface Range {
  /** Bytes already had: the rest is asked for. */
  readonly offset: number;
  /** The byte after the last one wanted; undefined: to the file's end. */
  readonly end?: number | undefined;
}

/** Bytes of the body, where the headers tell. */
export function lengthOf(response: Response): number | undefined {
  const text = response.headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The Range header; undefined where all of the file is wanted. */
export function rangeOf({ offset, end }: Range): string | undefined {
  if (end !== undefined) return `bytes=${offset}-${end - 1}`;
  return offset > 0 ? `bytes=${offset}-` : undefined;
}

/** What a status means, where it is neither a body nor a redirect. */
function failureOf(status: number, offset: number): SourceError {
  if (status === 404 || status === 410) return new SourceError("absent", `answered ${status}`, { status });
  // No file is too short for a range from its start: it takes none.
  if (status === 416 && offset > 0)
    return new SourceError("bad", `answered 416, so its file ends before byte ${offset}`, { status });
  return new SourceError("failed", `answered ${status}`, { status });
}

/** Where in the file the body begins and how long the file is, by the status line and headers. */
export function placeOf(response: Response, request: Range): { offset: number; total: number | undefined } {
  if (response.status === 200) return { offset: 0, total: lengthOf(response) };
  const asked = rangeOf(request);
  if (response.status !== 206 || asked === undefined) throw failureOf(response.status, request.offset);
  const range = parseContentRange(response.headers.get("content-range"));
  const end = request.end ?? range?.total;
  if (range?.first !== request.offset || (end !== undefined && range.last !== end - 1)) {
    throw new SourceError("bad", `answers ${asked} with ${response.headers.get("content-range")}`);
  }
  const length = lengthOf(response);
  if (length !== undefined && length !== range.last - range.first + 1) {
    throw new SourceError("bad", `answers a range with a Content-Length of ${length} that contradicts it`);
  }
  return { offset: range.first, total: range.total };
}
