/**
 * What sources say of a file without sending it: the answer to HEAD for a file that is not here.
 */
import type { Digests } from "../distfile/digests.ts";
import { type Attempt, SourceError, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { SourceList } from "../distfile/source.ts";
import { maskCredentials } from "../lib/url.ts";
import { openUpstream, type UpstreamSettings } from "../upstream/request.ts";
import { vet } from "./check-headers.ts";
import { outcomeOf } from "./outcome.ts";

export interface UpstreamHead {
  readonly total: number | undefined;
  readonly lastModifiedAt: number | undefined;
  /** Where that was said, without credentials, and all header fields of the answer. */
  readonly url: string;
  readonly fields: Headers;
}

/**
 * Asks one after the other until one has the file.
 * @throws {UnavailableError} when none has
 */
export async function headFrom(
  name: FileName,
  expected: Digests | undefined,
  offer: SourceList,
  loopHeaders: Readonly<Record<string, string>>,
  settings: UpstreamSettings,
): Promise<UpstreamHead> {
  const attempts: Attempt[] = [];
  for (const source of offer.sources()) {
    const trial = source.startRequest(0);
    try {
      const url = await source.locate();
      const { trustedOrigin } = source;
      const request = { method: "HEAD", url, trustedOrigin, offset: 0, validator: undefined, loopHeaders } as const;
      const response = await openUpstream(request, settings, new AbortController().signal);
      response.close();
      vet(name, response, expected, undefined);
      trial.end("delivered");
      const { total, lastModifiedAt, fields } = response;
      return { total, lastModifiedAt, url: maskCredentials(url), fields };
    } catch (error) {
      trial.end(error instanceof SourceError ? outcomeOf(error) : "cancelled");
      if (!(error instanceof SourceError)) throw error;
      attempts.push({ source: source.label, kind: error.kind, detail: error.message });
    }
  }
  throw new UnavailableError(`No source has ${name}`, [...attempts, ...offer.refusals]);
}
