/**
 * Describes the responses of /api/v1 about files: the file list, the details of one file, and the top lists.
 */
import * as v from "valibot";
import { REMOVAL_REASONS } from "../distfile/reporting.ts";
import { bytes, count, DownloadSchema, FailureSchema, instant, UpstreamRequestSchema } from "./schemas.ts";

export const StoredFileSchema = v.object({
  name: v.string(),
  size: bytes,
  stored_at: instant,
  used_at: instant,
  uses: count,
  source: v.pipe(v.nullable(v.string()), v.description("URL of the last download; null if the file was found on disk")),
  verification: v.pipe(
    v.picklist(["verified", "unverified", "stale", "damaged"]),
    v.description(
      "matches a hash in a Manifest, has none to be compared with, was replaced in the Manifests by other content, or was changed on disk",
    ),
  ),
});

export const FilesSchema = v.object({
  total: v.pipe(count, v.description("matching files")),
  total_bytes: bytes,
  page: count,
  per_page: count,
  files: v.array(StoredFileSchema),
});

export const FileDetailsSchema = v.object({
  name: v.string(),
  state: v.pipe(
    v.picklist(["stored", "downloading", "listed", "unknown"]),
    v.description("listed: not stored, but in a Manifest"),
  ),
  summary: v.pipe(v.string(), v.description("why it is or is not stored, in a sentence")),
  stored: v.nullable(
    v.object({
      ...StoredFileSchema.entries,
      path: v.string(),
      blake2b: v.nullable(v.string()),
      sha512: v.nullable(v.string()),
      last_modified_at: instant,
    }),
  ),
  download: v.nullable(DownloadSchema),
  packages: v.pipe(
    v.array(
      v.object({
        repository: v.string(),
        package: v.pipe(v.string(), v.description("category/name")),
        size: bytes,
        blake2b: v.nullable(v.string()),
        sha512: v.nullable(v.string()),
        other_hash: v.pipe(
          v.nullable(v.string()),
          v.description("the strongest other hash, such as `SHA256 9f86…`, of a Manifest with neither of these two"),
        ),
      }),
    ),
    v.description("packages whose Manifest lists the file"),
  ),
  by_hand: v.pipe(
    v.nullable(v.object({ homepages: v.array(v.string()), uris: v.array(v.string()) })),
    v.description(
      "where people get a file that is not stored and that nothing may fetch (RESTRICT=fetch): HOMEPAGE, and the URIs of SRC_URI and pkg_nofetch; else null",
    ),
  ),
  fetch_history: v.pipe(
    v.array(
      v.object({
        started_at: instant,
        ended_at: v.nullable(instant),
        outcome: v.nullable(v.picklist(["stored", "passed-through", "failed"])),
        upstream_requests: v.array(UpstreamRequestSchema),
      }),
    ),
    v.description("downloads since the server started, newest first"),
  ),
  failures: v.array(FailureSchema),
  removed: v.pipe(
    v.nullable(
      v.object({
        at: instant,
        reason: v.pipe(
          v.picklist(REMOVAL_REASONS),
          v.description("by clean-up (in no Manifest, not used, for room), by request, or as its bytes were wrong"),
        ),
      }),
    ),
    v.description("the last time that it was removed, of the latest 10,000 files"),
  ),
});

export const TopSchema = v.object({
  files: v.array(v.object({ name: v.string(), size: bytes, uses: count })),
  binary_packages: v.array(v.object({ name: v.string(), size: bytes, uses: count })),
  snapshots: v.array(v.object({ name: v.string(), size: bytes, uses: count })),
  packages: v.array(v.object({ package: v.string(), repository: v.string(), files: count, uses: count, bytes })),
  largest: v.array(v.object({ name: v.string(), size: bytes, uses: count })),
  latest: v.array(v.object({ name: v.string(), size: bytes, stored_at: instant })),
});

export type FilesResponse = v.InferOutput<typeof FilesSchema>;
export type FileDetails = v.InferOutput<typeof FileDetailsSchema>;
export type TopResponse = v.InferOutput<typeof TopSchema>;
export type Verification = v.InferOutput<typeof StoredFileSchema>["verification"];
