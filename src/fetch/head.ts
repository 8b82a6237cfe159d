/**
 * Asks sources by HEAD about a file that is not here.
 */
import { type Digests, hasHash } from "../distfile/digests.ts";
import { type Attempt, attemptOf, SourceError, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Source, SourceList } from "../distfile/source.ts";
import { abortable } from "../lib/abort.ts";
import { maskCredentials } from "../lib/url.ts";
import { createRedirectLimit } from "../upstream/redirect.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import { checkHeaders } from "./check-headers.ts";
import { firstUrl } from "./first-url.ts";
import { createSourceLimit, outcomeOf } from "./source-queue.ts";

export interface UpstreamHead {
  readonly total: number | undefined;
  readonly lastModifiedAt: number | undefined;
  /** URL of the source that answered, without credentials. */
  readonly url: string;
  /** All header fields of the response. */
  readonly fields: Headers;
}

/** Yields the sources of a list, and looks for the rest of them only where these are not enough. @param refusals gets its own */
async function* sourcesOf(list: SourceList, refusals: Attempt[]): AsyncGenerator<Source> {
  const withinLimit = createSourceLimit();
  yield* withinLimit(list.sources());
  const whole = list.rest ? await list.rest() : list;
  refusals.push(...whole.refusals);
  if (whole !== list) yield* withinLimit(whole.sources());
}

/**
 * Asks one source after the other until one has the file, or nobody wants to know any more.
 * @throws {UnavailableError} when none has
 * @throws the signal's reason
 */
export async function headFrom(
  name: FileName,
  expected: Digests | undefined,
  list: SourceList,
  upstream: UpstreamClient,
  signal: AbortSignal,
): Promise<UpstreamHead> {
  const attempts: Attempt[] = [];
  const refusals: Attempt[] = [];
  const mayRedirect = createRedirectLimit(() => 0);
  const size = expected && hasHash(expected) ? expected.size : undefined;
  for await (const source of sourcesOf(list, refusals)) {
    const record = source.startRequest(0);
    try {
      const { trustedOrigin } = source;
      const askUrl = async (url: string): Promise<UpstreamHead> => {
        const request = { method: "HEAD", url, trustedOrigin, offset: 0, size, mayRedirect } as const;
        const response = await upstream.send(request, signal);
        response.close();
        checkHeaders(name, response, expected, undefined);
        const { total, lastModifiedAt, fields } = response;
        return { total, lastModifiedAt, url: maskCredentials(url), fields };
      };
      const head = await firstUrl(await abortable(source.locate(), signal), () => false, askUrl);
      record.end("delivered");
      return head;
    } catch (error) {
      const isFault = error instanceof SourceError && !signal.aborted;
      record.end(isFault ? outcomeOf(error) : "cancelled");
      if (!isFault) throw error;
      attempts.push(attemptOf(source.label, error));
    }
  }
  throw new UnavailableError(`No source has ${name}`, [...attempts, ...refusals]);
}
