/**
 * Asks one source for a file, at one URL after the other.
 */
import { SourceError } from "../distfile/errors.ts";
import type { FileLocation } from "../distfile/source.ts";

/** Client errors that say something of the moment, and nothing of the file (RFC 9110, RFC 6585). */
const PASSING = new Set([408, 425, 429]);

/** Returns whether the file may be at another URL of the source: object stores answer 403 for what they do not have. */
function mayBeElsewhere({ kind, status = 0 }: SourceError, doubt: string | undefined): boolean {
  if (kind === "absent") return true;
  return doubt !== undefined && (kind === "bad" || (status >= 400 && status < 500 && !PASSING.has(status)));
}

/**
 * Returns what the first URL that has the file gives.
 * @param isPreferred whether a URL is to be asked before the others
 * @throws {SourceError} of the last URL; not "absent" where the source may have the file elsewhere
 */
export async function firstUrl<T>(
  { urls, doubt, noteFound }: FileLocation,
  isPreferred: (url: string) => boolean,
  ask: (url: string) => Promise<T>,
): Promise<T> {
  const rest = [...urls.filter(isPreferred), ...urls.filter((url) => !isPreferred(url))];
  for (;;) {
    const url = rest.shift() ?? urls[0];
    try {
      const response = await ask(url);
      noteFound?.(url);
      return response;
    } catch (error) {
      if (!(error instanceof SourceError) || !mayBeElsewhere(error, doubt)) throw error;
      if (rest.length > 0) continue;
      if (doubt === undefined || error.kind !== "absent") throw error;
      throw new SourceError("failed", `${error.message}, but ${doubt}`, { cause: error, status: error.status });
    }
  }
}
