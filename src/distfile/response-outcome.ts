/**
 * Says how a client's request for a file ended, and makes what is shown of it: the Cache-Status field (RFC 9211), what is
 * counted, and the entry in the list of failures. The request log has words of its own.
 */
import type { CacheStatus } from "./cache-status.ts";
import type { FailedSources } from "./failed-sources.ts";
import type { FileKind } from "./file-kind.ts";

/** Why a client did not get a file, or not all of it. */
export const FAILURE_KINDS = ["absent", "failed", "timed-out", "late", "broken-off"] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** No source has the file, or none could deliver it; `reason` is the text that the client was sent. */
export interface NoFile {
  readonly kind: "absent" | "failed" | "timed-out";
  readonly reason: string;
  readonly sources: readonly FailedSources[];
}

/** What is listed of a failure. */
export interface ListedFailure {
  readonly kind: FailureKind;
  /** A sentence for people, or several lines. */
  readonly reason: string;
  /** Sources that were asked for the file; none where one had begun to send it. */
  readonly sources: readonly FailedSources[];
}

/**
 * Any other answer. `late`: no byte came before the client would give up, the download continues. `not-stored`: the client accepts
 * only what is stored, and nothing is. `head`: headers of a file that is not stored. `generated`: a file that this server makes itself.
 * `busy`: too many files are waited for. `left`: the client left before there was an answer.
 */
export interface OtherAnswer {
  readonly kind:
    | "late"
    | "not-stored"
    | "head"
    | "generated"
    | "unknown-path"
    | "folder"
    | "bad-name"
    | "method-not-allowed"
    | "not-allowed"
    | "loop"
    | "busy"
    | "left";
}

export type ResponseOutcome = CacheStatus | NoFile | OtherAnswer;

/** Outcomes as statistics, metrics and the request history have them. */
export const COUNTED_OUTCOMES = ["hit", "miss", "joined", "absent", "failed", "refused", "other"] as const;
export type CountedOutcome = (typeof COUNTED_OUTCOMES)[number];

/** One response to a client, for the statistics. */
export interface ResponseRecord {
  /** Plain address; "socket" over the Unix socket. */
  readonly client: string;
  readonly kind: FileKind;
  readonly outcome: CountedOutcome;
  /** Bytes of the body that were sent. */
  readonly bytes: number;
  /** Milliseconds from the request to the head of the response. */
  readonly firstByteMs: number;
}

/** One response to a client, for the request history. */
export interface HistoryRecord {
  /** Plain address; "socket" over the Unix socket. */
  readonly client: string;
  readonly method: string;
  /** A file's name, or the path of a request that names none. */
  readonly file: string;
  readonly outcome: CountedOutcome;
  /** The outcome in the log's words. */
  readonly detail: string;
  readonly status: number;
  /** Bytes of the body that were sent. */
  readonly bytes: number;
  /** From the request to the end of the response, or until that was in the platform's hands. */
  readonly milliseconds: number;
  /** "store", the URL that the bytes came from, or "-". */
  readonly source: string;
}

/** Counts responses. It is called on the hot path, so it must not do more than that. */
export interface ResponseRecorder {
  begin(): void;
  end(record: ResponseRecord): void;
  /** Takes a response that has a line of its own in the log. */
  logged(record: HistoryRecord): void;
  failed(file: string, failure: ListedFailure): void;
}

const HIT_FIELD = "portcache; hit";

/**
 * Makes the Cache-Status field (RFC 9211).
 * @param isStored whether what a source sent is stored
 * @param freshMs how long a stale file would still have been fresh: 0 or less
 */
export function cacheStatusField(status: CacheStatus, isStored: boolean, freshMs = 0): string {
  if (status.kind === "hit") return status.stale ? `${HIT_FIELD}; ttl=${Math.floor(freshMs / 1000)}` : HIT_FIELD;
  const { reason, collapsed, response } = status;
  const notModified = response === "not-modified" ? "; fwd-status=304" : "";
  const stored = isStored && response === "full" ? "; stored" : "";
  return `portcache; fwd=${reason}${notModified}${stored}${collapsed ? "; collapsed" : ""}`;
}

const COUNTED: Readonly<Record<Exclude<ResponseOutcome["kind"], "forwarded">, CountedOutcome>> = {
  hit: "hit",
  absent: "absent",
  failed: "failed",
  "timed-out": "failed",
  late: "failed",
  "not-stored": "other",
  head: "other",
  generated: "other",
  "unknown-path": "absent",
  folder: "other",
  "bad-name": "refused",
  "method-not-allowed": "refused",
  "not-allowed": "refused",
  loop: "refused",
  busy: "refused",
  left: "other",
};

/** Returns what an outcome counts as. */
export function countedAs(outcome: ResponseOutcome): CountedOutcome {
  if (outcome.kind !== "forwarded") return COUNTED[outcome.kind];
  if (outcome.response !== "full") return "hit";
  return outcome.collapsed ? "joined" : "miss";
}

/** The reason for a transfer that was broken off because nobody wanted it any more. */
export const CLIENT_LEFT = "the client left";

/**
 * Returns the failure to list for a response; undefined where nothing failed on this side.
 * @param brokenOff why the body was broken off, if it was
 */
export function failureOf(outcome: ResponseOutcome, brokenOff: string | undefined): ListedFailure | undefined {
  if (outcome.kind === "late") {
    const reason = "No byte came before the client would have given up. The download continued.";
    return { kind: "late", reason, sources: [] };
  }
  if (outcome.kind === "absent" || outcome.kind === "failed" || outcome.kind === "timed-out") return outcome;
  if (brokenOff === undefined || brokenOff === CLIENT_LEFT) return undefined;
  return { kind: "broken-off", reason: `The transfer broke off: ${brokenOff}.`, sources: [] };
}
