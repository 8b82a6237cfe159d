/**
 * What is asked of the cache, and what it can answer.
 */
import type { CacheStatus } from "../distfile/cache-status.ts";
import type { Digests } from "../distfile/digests.ts";
import type { Attempt } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Download } from "../fetch/download.ts";
import type { UpstreamHead } from "../fetch/head.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { StoredDistfile } from "./stored-files.ts";

export type { Reader } from "../fetch/tail.ts";

export interface StoredFound {
  readonly kind: "stored";
  readonly name: DistfileName;
  readonly stored: StoredDistfile;
  readonly status: CacheStatus;
  /** All its bytes, where they are held in memory. */
  readonly body: Blob | undefined;
}

export type Found =
  | StoredFound
  | Incoming
  | HeadFound
  | NotFound
  /** No first byte yet, but the download goes on. */
  | { readonly kind: "late" };

export interface Incoming {
  readonly kind: "incoming";
  readonly download: Download;
  readonly status: CacheStatus;
  /** Must be called once the answer has a reader of its own, or needs none. */
  readonly release: () => void;
}

/** A source's answer to HEAD, for a file that is not stored. */
export interface HeadFound {
  readonly kind: "head";
  readonly head: UpstreamHead;
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

/** A request: by name, or by name and one of the contents it may have. */
export interface Wanted {
  readonly name: DistfileName;
  /** Other names that the same content goes by, where that is known. */
  readonly aliases: readonly DistfileName[];
  /** From a content-hash request: this content and no other. */
  readonly content: Digests | undefined;
  readonly method: "GET" | "HEAD";
  readonly upstream: UpstreamClient;
}
