/**
 * What ends a download that is not a source's doing, as its clients are told.
 */
import { NotModifiedError, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { Logger } from "../lib/log.ts";

/** What went wrong as clients are told; trouble of our own (a full disk, a damaged index) is logged here. */
export function asUnavailable(error: unknown, name: FileName, stop: AbortSignal, log: Logger): Error {
  if (error instanceof UnavailableError || error instanceof NotModifiedError) return error;
  const options = { cause: error };
  if (stop.aborted) {
    const attempt = { source: "this server", kind: "timeout", detail: "is shutting down" } as const;
    return new UnavailableError(`No source has ${name}`, [attempt], options);
  }
  log.error("Cannot fetch {file}: {error}", { file: name, error });
  const attempt = { source: "this server", kind: "failed", detail: "cannot take it, its log says why" } as const;
  return new UnavailableError(`No source has ${name}`, [attempt], options);
}
