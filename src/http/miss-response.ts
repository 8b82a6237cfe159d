/**
 * Answers requests for files that are not stored: from a download under way, whole or a range of it as the bytes come in; from a
 * source's HEAD; or with the reason why there is no file.
 */
import type { Busy, HeadResult, IncomingResult, Left, NotFound, Reader } from "../cache/result.ts";
import { UnavailableError } from "../distfile/errors.ts";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import { CLIENT_LEFT, cacheStatusField } from "../distfile/response-outcome.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { reasonOf } from "../lib/error-reason.ts";
import { shown } from "../lib/text.ts";
import { etagOf } from "./conditional.ts";
import {
  type Answer,
  busyAnswer,
  fileHeaders,
  headResponse,
  lateAnswer,
  leftAnswer,
  notFoundAnswer,
  partialContent,
  preconditionResponse,
  requestedRange,
  type Sent,
  text,
  unsatisfiable,
  withoutBody,
} from "./respond.ts";

/** Portage's wget gives up after 60 s of silence: an answer leaves well before that. */
export const FIRST_BYTE_DEADLINE_MS = 45_000;

/**
 * Makes a body that follows a growing file at the client's own speed. A failure breaks the connection off: an end that looks clean
 * would pass for a whole file.
 * @param signal aborts when the client leaves, which may be before the body is ever read
 */
function tailBody(reader: Reader, signal: AbortSignal, onEnd: (sent: Sent) => void): ReadableStream<Uint8Array> {
  let bytes = 0;
  const end = (brokenOff?: string) => {
    reader.close();
    onEnd({ bytes, brokenOff });
  };
  const leave = () => end(CLIENT_LEFT);
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const piece = await reader.read();
      if (piece !== undefined) {
        bytes += piece.length;
        controller.enqueue(piece);
        return;
      }
    } catch (error) {
      end(reasonOf(error));
      // Without a reason: Bun would print it to standard error with its stack, and the log has it already.
      controller.error(undefined);
      return;
    }
    end();
    controller.close();
  }
  return new ReadableStream<Uint8Array>({ pull, cancel: leave }, { highWaterMark: 0 });
}

/**
 * Makes the response to a request for a file that is coming in. A range far ahead waits for its bytes: nothing is requested from
 * upstream a second time.
 * @param firstByte resolves when the byte at an offset may be sent, or with "late" when the client cannot wait any longer
 * @param onEnd called when the body has ended
 */
async function respond(
  request: Request,
  { download, status, release }: IncomingResult,
  more: Readonly<Record<string, string>>,
  firstByte: (offset: number) => Promise<unknown>,
  onEnd: (sent: Sent) => void,
): Promise<Response | "late"> {
  const { size, lastModifiedAt, computed, expected } = download;
  const validators = { etag: etagOf(expected?.blake2b ?? computed?.blake2b), lastModifiedAt };
  const headers = fileHeaders(validators, cacheStatusField(status, download.willStore), more);
  const conditional = preconditionResponse(request, headers);
  if (conditional) return conditional;
  if (request.method === "HEAD") return headResponse(headers, size);

  const range = size === undefined ? "whole" : requestedRange(request, validators, size);
  if (range === "unsatisfiable") return unsatisfiable(headers, size ?? 0);
  const start = range === "whole" ? 0 : range.start;
  const end = range === "whole" ? size : range.end;
  const init = range === "whole" ? { headers: headers.fields } : partialContent(range, size ?? 0, headers);
  // From now on this client reads from the start of its range: bytes before it need not be held for it.
  const reader = download.open(start, range === "whole" ? undefined : end);
  release();
  const wait = await firstByte(start).catch((error: unknown) => {
    reader.close();
    throw error;
  });
  if (wait === "late") {
    reader.close();
    return "late";
  }
  // Whole by now: it is answered from memory, which gives the response a Content-Length.
  if (download.computed && download.computed.size <= HOLD_LIMIT_BYTES && download.joinable) {
    const bytes = (await download.whole().finally(reader.close)).slice(start, end);
    onEnd({ bytes: bytes.size });
    return new Response(bytes, init);
  }
  // The length can't be announced on a stream (oven-sh/bun#10507), so this body is chunked.
  return new Response(tailBody(reader, request.signal, onEnd), init);
}

async function answerIncoming(
  request: Request,
  file: string,
  found: IncomingResult,
  more: Readonly<Record<string, string>>,
  deadlineAt: number,
  clock: Clock,
): Promise<Answer> {
  const { download, status } = found;
  const { promise: sent, resolve } = Promise.withResolvers<Sent>();
  const onEnd = (end: Sent) => resolve({ ...end, source: download.url });
  const { signal } = request;
  const firstByte = (offset: number) =>
    within(clock, Math.max(0, deadlineAt - performance.now()), abortable(download.reached(offset), signal));
  try {
    const response = await respond(request, found, more, firstByte, onEnd).finally(found.release);
    if (response === "late") return lateAnswer(file);
    // Responses without a body of the download (304, 412, 416, HEAD) never end one.
    const hasBody = request.method === "GET" && (response.status === 200 || response.status === 206);
    return { response, file, outcome: status, source: download.url, sent: hasBody ? sent : { bytes: 0 } };
  } catch (error) {
    if (signal.aborted) return leftAnswer(file);
    // It failed before the first byte of a range further on.
    if (!(error instanceof UnavailableError)) throw error;
    const kind = error.timedOut ? "timed-out" : "failed";
    return notFoundAnswer(file, { kind, attempts: error.attempts, wantedBy: [], note: "" });
  }
}

/** A source's HEAD, with the ETag and size of the Manifest where one has the file. */
function answerHead(request: Request, file: string, found: HeadResult, more: Readonly<Record<string, string>>): Answer {
  const { head, expected, status } = found;
  const validators = { etag: etagOf(expected?.blake2b), lastModifiedAt: head.lastModifiedAt };
  const headers = fileHeaders(validators, cacheStatusField(status, false), more);
  const response = preconditionResponse(request, headers) ?? headResponse(headers, expected?.size ?? head.total);
  return { ...withoutBody(response, file, { kind: "head" }), source: head.url };
}

/**
 * Answers with what the cache found elsewhere than in the store.
 * @param more other header fields of the file
 * @param deadlineAt when an answer must leave, by performance.now(), which nobody sets
 */
export async function answerMiss(
  request: Request,
  file: string,
  found: HeadResult | IncomingResult | NotFound | Busy | Left | { readonly kind: "late" | "not-stored" },
  more: Readonly<Record<string, string>>,
  deadlineAt: number,
  clock: Clock,
): Promise<Answer> {
  switch (found.kind) {
    case "incoming":
      return await answerIncoming(request, file, found, more, deadlineAt, clock);
    case "head":
      return answerHead(request, file, found, more);
    case "late":
      return lateAnswer(file);
    case "busy":
      return busyAnswer(file);
    case "left":
      return leftAnswer(file);
    case "not-stored": {
      const body = `${shown(file)} is not stored, or may be outdated, and the request allows no upstream request (only-if-cached).`;
      return withoutBody(text(504, body), file, { kind: "not-stored" });
    }
    default:
      return notFoundAnswer(file, found);
  }
}
