/**
 * Describes the request and the report of each POST /api/v1/ACTION as Valibot schemas. Sizes are in bytes; null means unknown.
 */
import * as v from "valibot";
import { bytes, count, instant } from "./schemas.ts";

const milliseconds = v.pipe(v.number(), v.minValue(0), v.description("milliseconds"));

export const CleanRequestSchema = v.strictObject({
  dry_run: v.pipe(v.optional(v.boolean(), false), v.description("report what would be removed, remove nothing")),
});
export const RescanRequestSchema = v.strictObject({
  full: v.pipe(v.optional(v.boolean(), false), v.description("read all Manifests again, not only the changed ones")),
});
export const FetchRequestSchema = v.strictObject({
  names: v.pipe(
    v.optional(v.array(v.string()), []),
    v.description("file names, or the space-separated URIs of one file"),
  ),
  packages: v.pipe(
    v.optional(v.array(v.string()), []),
    v.description("CATEGORY/PACKAGE: all distfiles of the package"),
  ),
  version: v.pipe(v.optional(v.string()), v.description("only this version of the packages")),
});
export const VerifyRequestSchema = v.strictObject({
  repair: v.pipe(v.optional(v.boolean(), false), v.description("fetch bad files again, remove those no source has")),
  bytes_per_second: v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 100 * 1024 * 1024),
    v.description("read limit; 0: unlimited"),
  ),
});
export const DropRequestSchema = v.strictObject({
  names: v.pipe(v.array(v.string()), v.minLength(1), v.description("names of stored files")),
});
export const DismissRequestSchema = v.strictObject({
  files: v.pipe(
    v.optional(v.array(v.string()), []),
    v.description("names of files whose failures leave the list; none: of all files"),
  ),
});
export const StopRequestSchema = v.strictObject({ id: v.pipe(v.string(), v.description("as /actions has it")) });
export const ImportRequestSchema = v.strictObject({
  folder: v.pipe(
    v.string(),
    v.startsWith("/"),
    v.description("absolute path of a DISTDIR, or of one file, on the server"),
  ),
});

export const ProgressSchema = v.object({
  kind: v.literal("progress"),
  step: v.pipe(v.string(), v.description("current step, in a word or two")),
  done: count,
  total: v.nullable(count),
  bytes,
  total_bytes: v.nullable(bytes),
  active: v.array(v.object({ name: v.string(), bytes, size: v.nullable(bytes) })),
});

export const RescanReportSchema = v.object({
  duration_ms: milliseconds,
  full: v.boolean(),
  repositories: v.array(
    v.object({
      name: v.string(),
      location: v.string(),
      packages: count,
      distfiles: count,
      duration_ms: milliseconds,
      unreadable: count,
      skipped: count,
      problem: v.nullable(v.string()),
    }),
  ),
});

const diskUsage = v.object({
  used_bytes: v.pipe(bytes, v.description("stored files and space reserved for downloads")),
  free_bytes: bytes,
});
const totals = v.object({ files: count, bytes });

export const CleanReportSchema = v.object({
  duration_ms: milliseconds,
  dry_run: v.pipe(v.boolean(), v.description("nothing was removed")),
  files: count,
  bytes,
  by_reason: v.object({
    orphan: v.pipe(totals, v.description("no longer in any Manifest")),
    age: v.pipe(totals, v.description("unused for longer than storage.max_age")),
    space: v.pipe(totals, v.description("least valuable, removed to free space")),
  }),
  removed: v.pipe(
    v.array(v.object({ name: v.string(), size: bytes, reason: v.picklist(["orphan", "age", "space"]) })),
    v.description("the first 10,000, in the order removed"),
  ),
  in_use: v.pipe(count, v.description("selected but kept because they were in use")),
  part_files: v.pipe(count, v.description("abandoned part files removed, or that would be")),
  before: diskUsage,
  after: diskUsage,
  over_limit_bytes: v.pipe(
    bytes,
    v.description("still above the limits because all remaining files are kept or in use"),
  ),
  over_limit_files: v.pipe(count, v.description("inodes short of what is kept free on the file system")),
});

export const FetchReportSchema = v.object({
  duration_ms: milliseconds,
  files: v.pipe(count, v.description("files requested")),
  fetched: count,
  fetched_bytes: bytes,
  present: v.pipe(count, v.description("already in the store")),
  failed: v.pipe(count, v.description("including absent files")),
  results: v.array(
    v.object({
      name: v.string(),
      outcome: v.picklist(["fetched", "present", "absent", "failed"]),
      bytes,
      reason: v.pipe(v.nullable(v.string()), v.description("why it was not fetched")),
    }),
  ),
});

export const VerifyReportSchema = v.object({
  duration_ms: milliseconds,
  repair: v.boolean(),
  files: v.pipe(count, v.description("files read")),
  bytes,
  bad: v.array(
    v.object({
      name: v.string(),
      size: bytes,
      problem: v.string(),
      outcome: v.picklist(["unrepaired", "refetched", "removed"]),
    }),
  ),
  stale: v.pipe(count, v.description("intact, but the Manifests now list other content")),
  unverified: v.pipe(count, v.description("intact, but no Manifest has a hash of it that can be computed")),
  missing: v.pipe(count, v.description("in the index but not on disk")),
});

export const DropReportSchema = v.object({
  dropped: v.array(v.object({ name: v.string(), size: bytes })),
  absent: v.pipe(v.array(v.string()), v.description("files not in the store")),
  files: count,
  bytes,
});

export const DismissReportSchema = v.object({ failures: v.pipe(count, v.description("taken off the list")) });

export const StopReportSchema = v.object({ stopped: v.pipe(v.boolean(), v.description("false: it had ended")) });

/** The answer of GET /api/v1/actions. */
export const ActionsSchema = v.object({
  actions: v.pipe(
    v.array(
      v.object({
        id: v.string(),
        name: v.string(),
        started_at: instant,
        ended_at: v.nullable(instant),
        progress: v.nullable(ProgressSchema),
        result: v.pipe(v.unknown(), v.description("the report once it is done, without the longest lists; else null")),
        error: v.pipe(v.nullable(v.string()), v.description("why it failed")),
      }),
    ),
    v.description("running or ended lately, the newest first"),
  ),
});

export const ImportReportSchema = v.object({
  duration_ms: milliseconds,
  folder: v.string(),
  scanned: v.pipe(count, v.description("entries of folders examined")),
  adopted: count,
  adopted_bytes: bytes,
  present: v.pipe(count, v.description("already in the store")),
  skipped: v.pipe(
    v.array(v.object({ reason: v.string(), files: count, examples: v.array(v.string()) })),
    v.description("files not imported, by reason, with the first 1,000 names each"),
  ),
});

export const UploadReportSchema = v.object({
  name: v.string(),
  size: bytes,
  outcome: v.pipe(v.picklist(["stored", "present"]), v.description("present: it was in the store already, and right")),
});

export type UploadReport = v.InferOutput<typeof UploadReportSchema>;
export type CleanRequest = v.InferOutput<typeof CleanRequestSchema>;
export type RescanRequest = v.InferOutput<typeof RescanRequestSchema>;
export type FetchRequest = v.InferOutput<typeof FetchRequestSchema>;
export type VerifyRequest = v.InferOutput<typeof VerifyRequestSchema>;
export type DropRequest = v.InferOutput<typeof DropRequestSchema>;
export type DismissRequest = v.InferOutput<typeof DismissRequestSchema>;
export type StopRequest = v.InferOutput<typeof StopRequestSchema>;
export type ImportRequest = v.InferOutput<typeof ImportRequestSchema>;
export type Progress = v.InferOutput<typeof ProgressSchema>;
export type RescanReport = v.InferOutput<typeof RescanReportSchema>;
export type ImportReport = v.InferOutput<typeof ImportReportSchema>;
export type CleanReport = v.InferOutput<typeof CleanReportSchema>;
export type DropReport = v.InferOutput<typeof DropReportSchema>;
export type DismissReport = v.InferOutput<typeof DismissReportSchema>;
export type StopReport = v.InferOutput<typeof StopReportSchema>;
export type ActionsResponse = v.InferOutput<typeof ActionsSchema>;
export type VerifyReport = v.InferOutput<typeof VerifyReportSchema>;
export type FetchReport = v.InferOutput<typeof FetchReportSchema>;
