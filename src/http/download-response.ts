/**
 * Answers from a download under way: the whole file or a range of it, as the bytes come in. A range far ahead waits for
 * them; nothing is asked upstream a second time.
 */

import type { Incoming } from "../cache/result.ts";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import { etagOf } from "./etag.ts";
import { byConditions, cacheStatus, fileHeaders, partialHeaders, rangeOf, tailBody, unsatisfiable } from "./respond.ts";

/**
 * @param firstByte resolves when the byte may be sent, with "late" when the client can't wait any longer
 * @param onEnd told the number of bytes sent once the body has ended, and why it was no more where it was broken off
 */
export async function incomingResponse(
  request: Request,
  found: Incoming,
  firstByte: (offset: number) => Promise<unknown>,
  onEnd: (bytes: number, broken?: string) => void,
): Promise<Response | "late"> {
  const { download } = found;
  const { size, lastModifiedAt, computed, expected } = download;
  const status = cacheStatus(found.status, download.keeps);
  const validators = { etag: etagOf(expected?.blake2b ?? computed?.blake2b), lastModifiedAt };
  const conditional = byConditions(request, validators, status);
  if (conditional) return conditional;
  const headers = fileHeaders(validators, status);
  const length: Record<string, string> = size === undefined ? {} : { "content-length": String(size) };
  if (request.method === "HEAD") return new Response(null, { headers: { ...headers, ...length } });

  const range = size === undefined ? "whole" : rangeOf(request, validators, size);
  if (range === "unsatisfiable") return unsatisfiable(size ?? 0, status);
  const start = range === "whole" ? 0 : range.start;
  const end = range === "whole" ? size : range.end;
  const partial =
    range === "whole" ? {} : { status: 206, headers: { ...headers, ...partialHeaders(range, size ?? 0) } };
  // From now on this client is where its range begins: what cannot be stored is not kept for it from further up.
  const reader = download.open(start, range === "whole" ? undefined : end);
  found.release();
  const wait = await firstByte(start).catch((error: unknown) => {
    reader.close();
    throw error;
  });
  if (wait === "late") {
    reader.close();
    return "late";
  }
  // A whole file this small is sent from memory, with its Content-Length.
  if (download.computed && download.computed.size <= HOLD_LIMIT_BYTES && download.joinable) {
    const bytes = (await download.whole().finally(reader.close)).slice(start, end);
    onEnd(bytes.size);
    return new Response(bytes, { headers, ...partial });
  }
  // The length can't be announced on a stream (oven-sh/bun#10507), so this body is chunked.
  return new Response(tailBody(reader, request.signal, onEnd), { headers, ...partial });
}
