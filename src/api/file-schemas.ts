/**
 * The answers of /api/v1 that are about files: the list, the story of one, and what stands out.
 */
import * as v from "valibot";
import { bytes, count, DownloadSchema, FailureSchema, instant, TriedSourceSchema } from "./schemas.ts";

export const StoredFileSchema = v.object({
  name: v.string(),
  size: bytes,
  stored_at: instant,
  used_at: instant,
  uses: count,
  source: v.pipe(v.nullable(v.string()), v.description("URL that the last piece came from; null: found on disk")),
});

export const FilesSchema = v.object({
  total: v.pipe(count, v.description("files that match")),
  total_bytes: bytes,
  page: count,
  per_page: count,
  files: v.array(StoredFileSchema),
});

export const FileStorySchema = v.object({
  name: v.string(),
  state: v.picklist(["stored", "incoming", "wanted", "unknown"]),
  summary: v.pipe(v.string(), v.description("why it is or is not here, in a sentence or two")),
  stored: v.nullable(
    v.object({
      ...StoredFileSchema.entries,
      path: v.string(),
      blake2b: v.nullable(v.string()),
      sha512: v.nullable(v.string()),
      verdict: v.pipe(
        v.picklist(["verified", "unverified", "stale"]),
        v.description("against the Manifests: the same, no Manifest has it, or another content is wanted now"),
      ),
      last_modified_at: instant,
    }),
  ),
  download: v.nullable(DownloadSchema),
  wanted_by: v.array(
    v.object({
      repository: v.string(),
      package: v.pipe(v.string(), v.description("category/name")),
      size: bytes,
      blake2b: v.nullable(v.string()),
      sha512: v.nullable(v.string()),
    }),
  ),
  attempts: v.pipe(
    v.array(
      v.object({
        started_at: instant,
        ended_at: v.nullable(instant),
        outcome: v.nullable(v.picklist(["stored", "passed-on", "failed"])),
        sources: v.array(TriedSourceSchema),
      }),
    ),
    v.description("downloads since the start of the server, the latest first"),
  ),
  failures: v.array(FailureSchema),
});

export const TopSchema = v.object({
  files: v.array(v.object({ name: v.string(), size: bytes, uses: count })),
  packages: v.array(v.object({ package: v.string(), repository: v.string(), files: count, uses: count, bytes })),
  largest: v.array(v.object({ name: v.string(), size: bytes, uses: count })),
  latest: v.array(v.object({ name: v.string(), size: bytes, stored_at: instant })),
});

export type Files = v.InferOutput<typeof FilesSchema>;
export type FileStory = v.InferOutput<typeof FileStorySchema>;
export type Top = v.InferOutput<typeof TopSchema>;
