/**
 * Describes what is asked of the cache, and what it can answer.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import type { Digests } from "../distfile/digests.ts";
import type { Attempt } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Download } from "../fetch/download.ts";
import type { UpstreamHead } from "../fetch/head.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { StoredContent } from "./stored-files.ts";

export type { Reader } from "../fetch/tail.ts";

/** A request for a file of one kind. */
export interface LookupRequest<Name extends FileName = FileName> {
  readonly name: Name;
  readonly method: "GET" | "HEAD";
  readonly upstream: UpstreamClient;
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

/** No first byte yet, but the download goes on. */
export interface Late {
  readonly kind: "late";
}

export type LookupResult<Stored extends StoredResult = StoredResult> =
  | Stored
  | IncomingResult
  | HeadResult
  | NotFound
  | Late;
