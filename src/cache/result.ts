/**
 * Describes what is asked of the cache and what it can answer, and makes the answers that distfiles and mirror files share: a download
 * with its first byte, a failure, and "late" where a client cannot wait any longer.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import type { Digests } from "../distfile/digests.ts";
import { type Attempt, UnavailableError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Download } from "../fetch/download.ts";
import type { UpstreamHead } from "../fetch/head.ts";
import type { FileRows } from "../index/files.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Logger } from "../lib/log.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { StoredContent } from "./stored-files.ts";

export type { Reader } from "../fetch/tail.ts";

/** Who waits for a file. */
export interface Waiter {
  /** The client's address; undefined for the server's own requests, whose number is bounded elsewhere. */
  readonly client: string | undefined;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** A request for a file of one kind. */
export interface LookupRequest<Name extends FileName = FileName> {
  readonly name: Name;
  readonly method: "GET" | "HEAD";
  readonly upstream: UpstreamClient;
  readonly waiter: Waiter;
}

/** A request for a distfile: by name, or by name and one of the contents it may have. */
export interface DistfileRequest extends LookupRequest<DistfileName> {
  /** Other names that the same content goes by, where that is known. */
  readonly aliases: readonly DistfileName[];
  /** From a content-hash request: this content and no other. */
  readonly content: Digests | undefined;
}

export interface StoredResult {
  readonly kind: "stored";
  readonly name: FileName;
  readonly stored: StoredContent;
  readonly status: CacheStatus;
  /** All its bytes, where they are held in memory. */
  readonly body: Blob | undefined;
  /** URL that it came from, of one fetched for this request. */
  readonly source?: string;
}

export interface IncomingResult {
  readonly kind: "incoming";
  readonly download: Download;
  readonly status: CacheStatus;
  /** Must be called once the answer has a reader of its own, or needs none. */
  readonly release: () => void;
}

/** A source's answer to HEAD, for a file that is not stored. */
export interface HeadResult {
  readonly kind: "head";
  readonly head: UpstreamHead;
  /** What a Manifest says of the file. */
  readonly expected: Digests | undefined;
  readonly status: CacheStatus;
}

export interface NotFound {
  readonly kind: "absent" | "failed" | "timed-out";
  readonly attempts: readonly Attempt[];
  /** `repository: category/package` of those that want the file. */
  readonly wantedBy: readonly string[];
  readonly note: string;
}

/** This client, or all together, wait for too many files already: this one has to be requested later. */
export interface Busy {
  readonly kind: "busy";
}

/** The client left before there was an answer. */
export interface Left {
  readonly kind: "left";
}

/** No first byte yet, but the download goes on. */
export interface Late {
  readonly kind: "late";
}

export type LookupResult<Stored extends StoredResult = StoredResult> =
  | Stored
  | IncomingResult
  | HeadResult
  | NotFound
  | Busy
  | Left
  | Late;

/**
 * Waits for the first byte of a download, or until the client leaves.
 * @throws {UnavailableError}
 */
export async function incomingResult(
  download: Download,
  status: CacheStatus,
  { signal }: Waiter,
): Promise<IncomingResult | Left> {
  const release = download.hold();
  try {
    await abortable(download.reached(0), signal);
    return { kind: "incoming", download, status, release };
  } catch (error) {
    release();
    if (signal.aborted) return { kind: "left" };
    throw error;
  }
}

/** Counts a client of a download as a use of the file, once that has a row. */
export function countUse(
  rows: Pick<FileRows, "touch" | "fetched">,
  download: Download,
  isJoined: boolean,
  at: number,
): void {
  void download.ended.then(() => {
    if (!download.stored) return;
    if (isJoined) rows.touch(download.name, at);
    else rows.fetched(download.name, at);
  });
}

/** Says why no source gave a file: 404 only where all say that they have none. */
export function notFoundResult(attempts: readonly Attempt[], wantedBy: readonly string[] = [], note = ""): NotFound {
  const { absent, timedOut } = new UnavailableError("", attempts);
  return { kind: absent ? "absent" : timedOut ? "timed-out" : "failed", attempts, wantedBy, note };
}

/** Answers in time; what comes later is let go, while its download goes on. */
export async function inTime<Result extends { readonly kind: string; readonly release?: () => void }>(
  name: FileName,
  search: Promise<Result>,
  deadlineMs: number,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<Result | Late> {
  const found = await within(clock, deadlineMs, search);
  if (found !== "late") return found;
  search.then(
    (missed) => missed.release?.(),
    (error: unknown) => log.error("Cannot answer for {file}: {error}", { file: name, error }),
  );
  return { kind: "late" };
}
