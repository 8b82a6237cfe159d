/**
 * Defines the errors of fetching a file. Only http/respond.ts turns them into status codes.
 */

import { shown } from "../lib/text.ts";

/**
 * How a source failed. `absent`: it says that it has no such file (404, 410). `timeout` and `failed` may pass. `bad`: it has
 * another file under that name, and is not asked for it again.
 */
export type SourceFailure = "absent" | "timeout" | "failed" | "bad";

/** RFC 5842, section 7.2. */
const LOOP_DETECTED = 508;

interface SourceErrorDetails {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** One source could not give (the rest of) a file. Its message may quote what the source sent: it is cut, and every character visible. */
export class SourceError extends Error {
  readonly kind: SourceFailure;
  /** The status of its response; undefined where there was none. */
  readonly status: number | undefined;

  /** For how long it asked not to be asked again (RFC 9110, section 10.2.3). */
  readonly retryAfterMs: number | undefined;

  constructor(kind: SourceFailure, message: string, options: ErrorOptions & SourceErrorDetails = {}) {
    super(shown(message), options);
    this.name = "SourceError";
    this.kind = kind;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** How an attempt at one source failed; `detail` completes a sentence in logs and responses. */
export interface Attempt {
  readonly source: string;
  /** `corrupt`: the whole file came from it, and its digests are wrong. */
  readonly kind: SourceFailure | "corrupt";
  readonly detail: string;
  /** Whether the source refused the request because it had come through that source before (508): another client's may not have. */
  readonly looped?: boolean;
  /** For how long the source asked not to be asked again. */
  readonly retryAfterMs?: number;
}

/** Describes what came of asking a source that could not give the file. */
export function attemptOf(source: string, error: SourceError): Attempt {
  const { kind, message, status, retryAfterMs } = error;
  const looped = status === LOOP_DETECTED ? { looped: true } : {};
  return { source, kind, detail: message, ...looped, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

export function hasLooped(attempts: readonly Attempt[]): boolean {
  return attempts.some(({ looped }) => looped === true);
}

/** No source gave the file. */
export class UnavailableError extends Error {
  readonly attempts: readonly Attempt[];

  constructor(message: string, attempts: readonly Attempt[], options?: ErrorOptions) {
    super(message, options);
    this.name = "UnavailableError";
    this.attempts = attempts;
  }

  /** Whether every source says that it has no such file: the only case that is a 404 and may be remembered. */
  get absent(): boolean {
    return this.attempts.every((attempt) => attempt.kind === "absent");
  }

  /** Whether only time-outs stood in the way. */
  get timedOut(): boolean {
    const others = this.attempts.filter((attempt) => attempt.kind !== "absent");
    return others.length > 0 && others.every((attempt) => attempt.kind === "timeout");
  }
}

/** The store does not take (more of) a file: the disk is full or broken, or nothing can be removed to make room. */
export class StoreRefusesError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreRefusesError";
  }
}

/** The bytes sent so far turned out wrong, or can't be continued: the client's transfer must break off. */
export class BrokenOffError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BrokenOffError";
  }
}

/** A source confirmed by 304 that the stored file is the current one. */
export class NotModifiedError extends Error {
  /** URL that answered, without credentials. */
  readonly url: string;
  /** Header fields of the 304. */
  readonly fields: Headers;

  constructor(url: string, fields: Headers) {
    super(`${url} answered 304`);
    this.name = "NotModifiedError";
    this.url = url;
    this.fields = fields;
  }
}
