/**
 * Makes responses about files: the only place where outcomes become status codes and headers.
 */

import type { NotFound } from "../cache/result.ts";
import type { StoredContent } from "../cache/stored-files.ts";
import { groupAttempts } from "../distfile/failed-sources.ts";
import type { ResponseOutcome } from "../distfile/response-outcome.ts";
import type { ByteRange } from "../lib/byte-range.ts";
import { shown } from "../lib/text.ts";
import { isNotModified, isPreconditionFailed, rangeApplies, type Validators } from "./conditional.ts";
import { type SelectedRange, selectRange } from "./ranges.ts";

/** What was sent of a body. */
export interface Sent {
  readonly bytes: number;
  /** Why the body was broken off, if it was. */
  readonly brokenOff?: string | undefined;
  /** The URL that the bytes came from, if that was not known before they came. */
  readonly source?: string;
}

/** A response, and what the log and the statistics record of it. */
export interface Answer {
  readonly response: Response;
  /** A file's name, or the path of a request that names none. */
  readonly file: string;
  readonly outcome: ResponseOutcome;
  /** Where the bytes come from: "store", or a URL. */
  readonly source: string;
  /** Known only at its end for a body that is still coming in. */
  readonly sent: Sent | Promise<Sent>;
}

const NOTHING_SENT: Sent = { bytes: 0 };

export function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(`${body}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}

/** Makes an answer that sends nothing of a file. */
export function withoutBody(response: Response, file: string, outcome: ResponseOutcome): Answer {
  return { response, file, outcome, source: "-", sent: NOTHING_SENT };
}

/** The headers that every response about one file carries, ranges included. */
export interface FileHeaders {
  readonly validators: Validators;
  readonly fields: Readonly<Record<string, string>>;
}

/** @param cacheStatus the Cache-Status field @param more other fields of this file */
export function fileHeaders(
  validators: Validators,
  cacheStatus: string,
  more: Readonly<Record<string, string>> = {},
): FileHeaders {
  const { etag, lastModifiedAt } = validators;
  return {
    validators,
    fields: {
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      "cache-status": cacheStatus,
      // Without one of ours Bun adds a malformed one with the name on disk.
      "content-disposition": "attachment",
      ...(etag === undefined ? {} : { etag }),
      ...(lastModifiedAt === undefined ? {} : { "last-modified": new Date(lastModifiedAt).toUTCString() }),
      ...more,
    },
  };
}

/** Returns 304 or 412 if the preconditions of the request ask for it. */
export function preconditionResponse(request: Request, { validators, fields }: FileHeaders): Response | undefined {
  const { headers } = request;
  if (isPreconditionFailed(headers, validators))
    return text(412, "The file does not match the If-Match or If-Unmodified-Since of the request.");
  if (!isNotModified(headers, validators)) return undefined;
  const { "content-type": _type, "content-disposition": _name, ...kept } = fields;
  return new Response(null, { status: 304, headers: kept });
}

/** Answers HEAD. */
export function headResponse({ fields }: FileHeaders, size: number | undefined): Response {
  const length: Record<string, string> = size === undefined ? {} : { "content-length": String(size) };
  return new Response(null, { headers: { ...fields, ...length } });
}

/** Selects the bytes to send; Range is for GET alone (RFC 9110, section 14.2). */
export function requestedRange(request: Request, validators: Validators, size: number): SelectedRange {
  if (request.method !== "GET" || !rangeApplies(request.headers, validators)) return "whole";
  return selectRange(request.headers.get("range"), size);
}

export function unsatisfiable({ fields }: FileHeaders, size: number): Response {
  const { "cache-status": cacheStatus = "" } = fields;
  return text(416, `The file has ${size} bytes.`, { "content-range": `bytes */${size}`, "cache-status": cacheStatus });
}

/** Status and headers of a range of a file of known size. */
export function partialContent(range: ByteRange, size: number, { fields }: FileHeaders) {
  return { status: 206, headers: { ...fields, "content-range": `bytes ${range.start}-${range.end - 1}/${size}` } };
}

/** FileHeaders with the same fields in the form that costs least to make a response of (measured). */
export interface PreparedHeaders extends FileHeaders {
  readonly headers: Headers;
}

export function prepare(headers: FileHeaders): PreparedHeaders {
  return { ...headers, headers: new Headers(headers.fields) };
}

/** Sends a stored file: from memory, or by sendfile. `bytes` is the length of the body. */
export function storedResponse(
  request: Request,
  { path, size }: StoredContent["file"],
  body: Blob | undefined,
  prepared: PreparedHeaders,
): { readonly response: Response; readonly bytes: number } {
  const conditional = preconditionResponse(request, prepared);
  if (conditional) return { response: conditional, bytes: 0 };
  if (request.method === "HEAD") return { response: headResponse(prepared, size), bytes: 0 };
  const range = requestedRange(request, prepared.validators, size);
  if (range === "unsatisfiable") return { response: unsatisfiable(prepared, size), bytes: 0 };
  // A Range that does not apply is ignored by Bun as well: it compares If-Range with the ETag set here.
  const content = body ?? Bun.file(path);
  if (range === "whole") return { response: new Response(content, { headers: prepared.headers }), bytes: size };
  const response = new Response(content.slice(range.start, range.end), partialContent(range, size, prepared));
  return { response, bytes: range.end - range.start };
}

/** A file may have a hundred sources; the first ones say enough. */
export const MAX_ATTEMPTS_SHOWN = 20;

/** Lists for people what is known of a file, the packages that want it, and what each source answered. */
function details({ note, wantedBy, attempts }: NotFound): string {
  const lines = note === "" ? [] : [note];
  if (wantedBy.length > 0) lines.push(`Wanted by ${wantedBy.join(", ")}.`);
  lines.push(
    ...attempts.slice(0, MAX_ATTEMPTS_SHOWN).map(({ source, detail }) => `${shown(source)}: ${shown(detail)}`),
  );
  if (attempts.length > MAX_ATTEMPTS_SHOWN) lines.push(`… and ${attempts.length - MAX_ATTEMPTS_SHOWN} more sources.`);
  return lines.join("\n");
}

const NOT_FOUND = {
  absent: { status: 404, headline: "no source has this file." },
  failed: { status: 502, headline: "no source could deliver this file." },
  "timed-out": { status: 504, headline: "no source delivered this file in time." },
} as const;

/** How long clients wait after a failure that may pass; Portage goes on to its next mirror at once. */
const RETRY_AFTER_MS = 30_000;

/** Returns the longest time that a source asked to wait, in seconds, else the usual time. */
function retryAfter({ attempts }: NotFound): string {
  const delays = attempts.flatMap(({ retryAfterMs = 0 }) => (retryAfterMs > 0 ? [retryAfterMs] : []));
  return String(Math.ceil((delays.length > 0 ? Math.max(...delays) : RETRY_AFTER_MS) / 1000));
}

export function notFoundAnswer(file: string, found: NotFound): Answer {
  const { status, headline } = NOT_FOUND[found.kind];
  const reason = details(found);
  const headers: Record<string, string> = status === 404 ? {} : { "retry-after": retryAfter(found) };
  const response = text(status, `${shown(file)}: ${headline}\n${reason}`.trimEnd(), headers);
  return withoutBody(response, file, {
    kind: found.kind,
    reason: reason || headline,
    sources: groupAttempts(found.attempts),
  });
}

/** Portage goes on to its next mirror at once; others come again when some of what they wait for has come. */
export function busyAnswer(file: string): Answer {
  const body = `${shown(file)}: too many requests wait already. Try again.`;
  return withoutBody(text(503, body, { "retry-after": "10" }), file, { kind: "busy" });
}

/** Nobody reads this. */
export function leftAnswer(file: string): Answer {
  return withoutBody(text(503, `${shown(file)}: the client left.`), file, { kind: "left" });
}

/** The client would give up now; the download goes on, and a later request finds more of it. */
export function lateAnswer(file: string): Answer {
  const body = `${shown(file)}: no byte has come yet. The download continues, try again.`;
  return withoutBody(text(504, body, { "retry-after": "5" }), file, { kind: "late" });
}
