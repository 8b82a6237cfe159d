/**
 * Asking one source for (the rest of) a file, up to the first piece of an answer that can be it.
 */
import { NotModifiedError, SourceError } from "../distfile/errors.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import { unlessStopped } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import type { Range } from "../upstream/range.ts";
import { openUpstream, type UpstreamResponse, type UpstreamSettings } from "../upstream/request.ts";
import { type Answer, type Assembly, isBound, leaveOther } from "./assembly.ts";
import { vet } from "./check-headers.ts";
import { tieTo } from "./resume.ts";

/** What servers that take no ranges may answer to one. */
const NO_RANGES = new Set([400, 416, 501]);

/** The same, with something to be done once it is closed. */
function closing(response: UpstreamResponse, onClose: () => void): UpstreamResponse {
  return {
    ...response,
    close() {
      response.close();
      onClose();
    },
  };
}

/**
 * Asks this source for the range, which a hash has to bind, or for the rest of the file; where it can't be continued there,
 * for all of it. Writes nothing, so that several may be asked beside each other where a hash binds them.
 * @throws {SourceError}
 * @throws {NotModifiedError} where the file that is here already is the current one
 */
export async function openAnswer(
  assembly: Assembly,
  source: Source,
  trial: RequestRecorder,
  range: Range | undefined,
  { settings, clock }: { readonly settings: UpstreamSettings; readonly clock: Clock },
  stop: AbortSignal,
): Promise<Answer> {
  const { incoming, loopHeaders } = assembly;
  const bound = isBound(assembly);
  const url = await unlessStopped(source.locate(), stop);
  // Without a hash, what another source said or sent of its file holds for that one alone.
  const begun = incoming.position > 0 || assembly.url !== "";
  const tie = bound ? undefined : tieTo(assembly, url);
  if (!bound && begun && (tie === undefined || incoming.position === 0)) await leaveOther(assembly);
  const { offset, end } = range ?? { offset: incoming.position, end: undefined };
  const { trustedOrigin } = source;
  const conditions = offset === 0 ? assembly.terms?.conditions(source) : undefined;
  const request = { method: "GET", url, trustedOrigin, offset, end, validator: tie, loopHeaders, conditions } as const;
  const leave = await unlessStopped(settings.slots.acquire(), stop, (late) => late());
  const askedAt = clock.now();
  const response = await openUpstream(request, settings, stop)
    .then((opened) => closing(opened, leave))
    .catch((error: unknown) => {
      leave();
      if (error instanceof NotModifiedError) trial.firstByte(Math.max(0, clock.now() - askedAt));
      if (end !== undefined && error instanceof SourceError && NO_RANGES.has(error.status ?? 0)) source.rangeIgnored();
      throw error;
    });
  try {
    if (bound) vet(assembly.name, response, assembly.expected, incoming.total);
    assembly.terms?.vet(source, response);
    const ignored = end !== undefined && !response.partial;
    if (ignored) source.rangeIgnored();
    const first = await response.read();
    trial.firstByte(Math.max(0, clock.now() - askedAt));
    return { source, url, response, end: ignored || end === undefined ? incoming.total : end, first };
  } catch (error) {
    response.close();
    throw error;
  }
}
