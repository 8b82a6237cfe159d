/**
 * What is asked of what else a mirror has, and what the answer can be.
 */
import type { CacheStatus } from "../../distfile/cache-status.ts";
import type { MirrorPath } from "../../distfile/mirror-path.ts";
import type { MirrorFileRow } from "../../index/mirror-files.ts";
import type { StoredFile } from "../../store/stored-file.ts";
import type { UpstreamClient } from "../../upstream/request.ts";
import type { HeadFound, Incoming, NotFound } from "../result.ts";
import type { Directives } from "./cache-control.ts";

export interface WantedPath {
  readonly path: MirrorPath;
  readonly method: "GET" | "HEAD";
  /** The client's Cache-Control. */
  readonly directives: Directives;
  readonly upstream: UpstreamClient;
}

export type FoundPath =
  | {
      readonly kind: "stored";
      readonly file: StoredFile;
      readonly row: MirrorFileRow;
      readonly blake2b: string;
      readonly status: CacheStatus;
    }
  | Incoming
  | HeadFound
  | NotFound
  /** The client wants what is here or nothing, and there is nothing. */
  | { readonly kind: "not-here" }
  /** No first byte yet, but the download goes on. */
  | { readonly kind: "late" };
