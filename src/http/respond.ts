/**
 * Answers as HTTP: the one place where outcomes become status codes and headers.
 */

import type { NotFound, Reader, StoredFound } from "../cache/result.ts";
import type { StoredDistfile } from "../cache/stored-files.ts";
import type { CacheStatus } from "../distfile/cache-status.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { isNotModified, isPreconditionFailed, rangeApplies, type Validators } from "./conditional.ts";
import { etagOf } from "./etag.ts";
import { type RangeVerdict, selectRange } from "./ranges.ts";

/** After a failure that may pass; Portage goes on to its next mirror at once, other clients look at it. */
const RETRY_AFTER_SECONDS = "30";
const HIT_STATUS = "portcache; hit";

export function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(`${body}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}

/**
 * Cache-Status of a file (RFC 9211).
 * @param isStored whether what a source sent is stored
 * @param freshMs how long a stale file was still fresh: 0 or less
 */
export function cacheStatus(status: CacheStatus, isStored: boolean, freshMs = 0): string {
  if (status.kind === "hit") return status.stale ? `${HIT_STATUS}; ttl=${Math.floor(freshMs / 1000)}` : HIT_STATUS;
  const { reason, collapsed, response } = status;
  const notModified = response === "not-modified" ? "; fwd-status=304" : "";
  const stored = isStored && response === "full" ? "; stored" : "";
  return `portcache; fwd=${reason}${notModified}${stored}${collapsed ? "; collapsed" : ""}`;
}

/** What the log says of a file that was sent. */
export function outcomeText(status: CacheStatus): string {
  if (status.kind === "hit") return status.stale ? "hit, old" : "hit";
  if (status.response !== "full") return status.response === "none" ? "hit, old" : "hit, revalidated";
  return status.collapsed ? "miss, joined" : "miss";
}

/** What every answer that is a file, or a piece of one, carries. */
export function fileHeaders(validators: Validators, status: string): Record<string, string> {
  const { etag, lastModifiedAt } = validators;
  return {
    "content-type": "application/octet-stream",
    "accept-ranges": "bytes",
    "cache-status": status,
    // Without one of ours Bun adds a malformed one with the name on disk.
    "content-disposition": "attachment",
    ...(etag === undefined ? {} : { etag }),
    ...(lastModifiedAt === undefined ? {} : { "last-modified": new Date(lastModifiedAt).toUTCString() }),
  };
}

/** 304 or 412 where the request's conditions ask for them. */
export function byConditions(request: Request, validators: Validators, status: string): Response | undefined {
  const { headers } = request;
  if (isPreconditionFailed(headers, validators)) return text(412, "The file is not the one the request was made for.");
  if (!isNotModified(headers, validators)) return undefined;
  const { "content-type": _type, "content-disposition": _name, ...kept } = fileHeaders(validators, status);
  return new Response(null, { status: 304, headers: kept });
}

/** Range is for GET alone (RFC 9110, section 14.2). */
export function rangeOf(request: Request, validators: Validators, size: number): RangeVerdict {
  if (request.method !== "GET" || !rangeApplies(request.headers, validators)) return "whole";
  return selectRange(request.headers.get("range"), size);
}

export function unsatisfiable(size: number, status: string): Response {
  return text(416, `The file has ${size} bytes.`, { "content-range": `bytes */${size}`, "cache-status": status });
}

/** Status, headers and extent for a range of a file of known size. */
export function partialHeaders(range: { start: number; end: number }, size: number): Record<string, string> {
  return { "content-range": `bytes ${range.start}-${range.end - 1}/${size}` };
}

/** What the answers of one stored file have in common. */
interface Prepared {
  readonly validators: Validators;
  readonly fields: Readonly<Record<string, string>>;
  /** The same, in the form that costs least to make a response of (measured). */
  readonly headers: Headers;
}

/** Made once for each stored file that is known, and gone with it. */
export type PreparedFiles = WeakMap<StoredDistfile, Prepared>;

function prepare(stored: StoredDistfile, status: string): Prepared {
  const validators = { etag: etagOf(stored.digests.blake2b), lastModifiedAt: stored.lastModifiedAt };
  const fields = fileHeaders(validators, status);
  return { validators, fields, headers: new Headers(fields) };
}

function preparedHit(stored: StoredDistfile, files: PreparedFiles): Prepared {
  const known = files.get(stored);
  if (known) return known;
  const prepared = prepare(stored, HIT_STATUS);
  files.set(stored, prepared);
  return prepared;
}

/** A file that lies in the store, from memory or by sendfile where it is large; `bytes` is the length of the body. */
export function storedResponse(
  request: Request,
  { stored, status: how, body }: StoredFound,
  files: PreparedFiles,
): { readonly response: Response; readonly bytes: number } {
  const { path, size } = stored.file;
  const status = cacheStatus(how, true);
  const { validators, fields, headers } = status === HIT_STATUS ? preparedHit(stored, files) : prepare(stored, status);
  const conditional = byConditions(request, validators, status);
  if (conditional) return { response: conditional, bytes: 0 };
  if (request.method === "HEAD") {
    return { response: new Response(null, { headers: { ...fields, "content-length": String(size) } }), bytes: 0 };
  }
  const range = rangeOf(request, validators, size);
  if (range === "unsatisfiable") return { response: unsatisfiable(size, status), bytes: 0 };
  // A Range that does not apply is ignored by Bun as well: it compares If-Range with the ETag set here.
  const content = body ?? Bun.file(path);
  if (range === "whole") return { response: new Response(content, { headers }), bytes: size };
  const response = new Response(content.slice(range.start, range.end), {
    status: 206,
    headers: { ...fields, ...partialHeaders(range, size) },
  });
  return { response, bytes: range.end - range.start };
}

/** Why a body was broken off that nobody wanted to its end. */
export const CLIENT_LEFT = "the client left";

/**
 * A body that follows a growing file at the client's own speed. A failure breaks the connection off: an end that
 * looks clean would pass for a whole file.
 * @param gone fires when the client leaves, which may be before the body is ever asked for
 * @param onEnd told the number of bytes sent, and why it was no more where the body was broken off
 */
export function tailBody(
  reader: Reader,
  gone: AbortSignal,
  onEnd: (bytes: number, broken?: string) => void,
): ReadableStream<Uint8Array> {
  let sent = 0;
  const end = (broken?: string) => {
    reader.close();
    onEnd(sent, broken);
  };
  const leave = () => end(CLIENT_LEFT);
  if (gone.aborted) leave();
  else gone.addEventListener("abort", leave, { once: true });

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const bytes = await reader.read();
      if (bytes !== undefined) {
        sent += bytes.length;
        controller.enqueue(bytes);
        return;
      }
    } catch (error) {
      end(reasonOf(error));
      // Without a reason: Bun prints it to standard error with its stack, past the log, where this is told already.
      controller.error(undefined);
      return;
    }
    end();
    controller.close();
  }
  return new ReadableStream<Uint8Array>({ pull, cancel: leave }, { highWaterMark: 0 });
}

/** Why there is no file, in words for the one who reads Portage's log. */
export function explain(name: string, found: NotFound): string {
  const lines = [found.kind === "absent" ? `${name}: no source has it.` : `${name}: no source could deliver it now.`];
  if (found.note !== "") lines.push(found.note);
  if (found.wantedBy.length > 0) lines.push(`Wanted by ${found.wantedBy.join(", ")}.`);
  if (found.attempts.length > 0) lines.push("Sources:");
  for (const { source, detail } of found.attempts) lines.push(`  ${source} ${detail}`);
  return lines.join("\n");
}

export function notFoundResponse(name: string, found: NotFound): Response {
  const status = { absent: 404, failed: 502, "timed-out": 504 }[found.kind];
  return text(status, explain(name, found), status === 404 ? {} : { "retry-after": RETRY_AFTER_SECONDS });
}

/** Nothing came within the time a client waits; the download goes on and the next request finds more. */
export function lateResponse(name: string): Response {
  return text(504, `${name}: still waiting for its first byte. The download goes on, ask again.`, {
    "retry-after": "5",
  });
}
