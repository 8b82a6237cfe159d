/**
 * Asks one source for a file or a range of it, and reads up to the first chunk of a response that can be the file.
 */
import { NotModifiedError, SourceError } from "../distfile/errors.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import type { Range } from "../upstream/range.ts";
import type { UpstreamClient, UpstreamResponse } from "../upstream/request.ts";
import { type Assembly, discardOtherFile, hasExpectedHash, type OpenedResponse } from "./assembly.ts";
import { checkHeaders } from "./check-headers.ts";
import { ifRangeFor } from "./resume.ts";

/** Statuses by which servers without range support may refuse a range request. */
const RANGE_REFUSALS = new Set([400, 416, 501]);

/** Returns the same response, which calls `onClose` once it is closed. */
function withCloseHook(response: UpstreamResponse, onClose: () => void): UpstreamResponse {
  return {
    ...response,
    close() {
      response.close();
      onClose();
    },
  };
}

/**
 * Asks the source for the range, which needs an expected hash; without a range for the rest of the file, or for all of it where
 * it can't be resumed there. Writes nothing, so that several sources may be asked at once where a hash is expected.
 * @throws {SourceError}
 * @throws {NotModifiedError} when the stored file is the current one
 */
export async function openResponse(
  assembly: Assembly,
  source: Source,
  record: RequestRecorder,
  range: Range | undefined,
  upstream: UpstreamClient,
  clock: Clock,
  stop: AbortSignal,
): Promise<OpenedResponse> {
  const { writer, revalidation } = assembly;
  const hashed = hasExpectedHash(assembly);
  const url = await abortable(source.locate(), stop);
  // Without a hash, what another source said or sent of its file holds for that source alone.
  const begun = writer.position > 0 || assembly.url !== "";
  const ifRange = hashed ? undefined : ifRangeFor(assembly, url);
  if (!hashed && begun && (ifRange === undefined || writer.position === 0)) await discardOtherFile(assembly);
  const { offset, end } = range ?? { offset: writer.position, end: undefined };
  const { trustedOrigin } = source;
  const conditions = offset === 0 ? revalidation?.conditionalHeaders(source) : undefined;
  const request = { method: "GET", url, trustedOrigin, offset, end, validator: ifRange, conditions } as const;
  const releaseSlot = await abortable(upstream.slots.acquire(), stop, (late) => late());
  const askedAt = clock.now();
  const response = await upstream
    .send(request, stop)
    .then((sent) => withCloseHook(sent, releaseSlot))
    .catch((error: unknown) => {
      releaseSlot();
      if (error instanceof NotModifiedError) record.firstByte(Math.max(0, clock.now() - askedAt));
      const isRefusal = error instanceof SourceError && RANGE_REFUSALS.has(error.status ?? 0);
      if (end !== undefined && isRefusal) source.rangeIgnored();
      throw error;
    });
  try {
    if (hashed) checkHeaders(assembly.name, response, assembly.expected, writer.total);
    revalidation?.checkResponse(source, response);
    const ignored = end !== undefined && !response.partial;
    if (ignored) source.rangeIgnored();
    const first = await response.read();
    record.firstByte(Math.max(0, clock.now() - askedAt));
    return { source, url, response, end: ignored || end === undefined ? writer.total : end, first };
  } catch (error) {
    response.close();
    throw error;
  }
}
