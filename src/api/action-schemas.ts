/**
 * What can be asked of POST /api/v1/ACTION and what comes back, as Valibot schemas. Sizes are bytes; null stands for what
 * is not known.
 */
import * as v from "valibot";
import { bytes, count } from "./schemas.ts";

const milliseconds = v.pipe(v.number(), v.minValue(0), v.description("milliseconds"));

export const CleanRequestSchema = v.strictObject({
  dry_run: v.pipe(v.optional(v.boolean(), false), v.description("say what would go, and leave it")),
});
export const RescanRequestSchema = v.strictObject({
  full: v.pipe(v.optional(v.boolean(), false), v.description("read all Manifests again, not only those that changed")),
});
export const FetchRequestSchema = v.strictObject({
  names: v.pipe(
    v.optional(v.array(v.string()), []),
    v.description("names of distfiles, or the URIs of one file with blanks between"),
  ),
  packages: v.pipe(v.optional(v.array(v.string()), []), v.description("CATEGORY/PACKAGE: all their distfiles")),
  version: v.pipe(v.optional(v.string()), v.description("of the packages this version alone")),
});
export const VerifyRequestSchema = v.strictObject({
  repair: v.pipe(v.optional(v.boolean(), false), v.description("fetch bad files again, remove what can't be had")),
  bytes_per_second: v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 100 * 1024 * 1024),
    v.description("read no faster than this; 0: as fast as the disk"),
  ),
});
export const DropRequestSchema = v.strictObject({
  names: v.pipe(v.array(v.string()), v.minLength(1), v.description("names of stored distfiles")),
});
export const ImportRequestSchema = v.strictObject({
  folder: v.pipe(v.string(), v.startsWith("/"), v.description("absolute path of a DISTDIR on the server's machine")),
});

export const ProgressSchema = v.object({
  kind: v.literal("progress"),
  doing: v.pipe(v.string(), v.description("what is done just now, in a word or two")),
  done: count,
  total: v.nullable(count),
  bytes,
  total_bytes: v.nullable(bytes),
  active: v.array(v.object({ name: v.string(), bytes, size: v.nullable(bytes) })),
});

export const RescanReportSchema = v.object({
  took_ms: milliseconds,
  full: v.boolean(),
  repositories: v.array(
    v.object({
      name: v.string(),
      location: v.string(),
      packages: count,
      distfiles: count,
      took_ms: milliseconds,
      unreadable: count,
      skipped: count,
      problem: v.nullable(v.string()),
    }),
  ),
});

const usage = v.object({
  used_bytes: v.pipe(bytes, v.description("stored, and promised to files coming in")),
  free_bytes: bytes,
});
const tally = v.object({ files: count, bytes });

export const CleanReportSchema = v.object({
  took_ms: milliseconds,
  dry_run: v.pipe(v.boolean(), v.description("nothing was removed, this is what would be")),
  files: count,
  bytes,
  by_reason: v.object({
    orphan: v.pipe(tally, v.description("no Manifest wants them any more")),
    age: v.pipe(tally, v.description("not used for storage.max_age")),
    space: v.pipe(tally, v.description("worth least, for room")),
  }),
  removed: v.pipe(
    v.array(v.object({ name: v.string(), size: bytes, reason: v.picklist(["orphan", "age", "space"]) })),
    v.description("in the order in which they went, the first ten thousand"),
  ),
  in_use: v.pipe(count, v.description("chosen, but left as somebody asked for them meanwhile")),
  parts: v.pipe(count, v.description("part files that nobody continued")),
  before: usage,
  after: usage,
  over: v.pipe(bytes, v.description("over the limits still, as all that is left is kept or in use")),
});

export const FetchReportSchema = v.object({
  took_ms: milliseconds,
  files: v.pipe(count, v.description("asked for")),
  fetched: count,
  fetched_bytes: bytes,
  present: v.pipe(count, v.description("in the store already")),
  failed: v.pipe(count, v.description("absent ones included")),
  results: v.array(
    v.object({
      name: v.string(),
      outcome: v.picklist(["fetched", "present", "absent", "failed"]),
      bytes,
      reason: v.pipe(v.nullable(v.string()), v.description("why it is not here")),
    }),
  ),
});

export const VerifyReportSchema = v.object({
  took_ms: milliseconds,
  repair: v.boolean(),
  files: v.pipe(count, v.description("read")),
  bytes,
  bad: v.array(
    v.object({
      name: v.string(),
      size: bytes,
      problem: v.string(),
      outcome: v.picklist(["left", "fetched again", "removed"]),
    }),
  ),
  outdated: v.pipe(count, v.description("as they were stored, but Manifests want something else by now")),
  unvouched: v.pipe(count, v.description("as they were stored, and no Manifest says what they should be")),
  gone: v.pipe(count, v.description("were in the index, but not on disk any more")),
});

export const DropReportSchema = v.object({
  dropped: v.array(v.object({ name: v.string(), size: bytes })),
  absent: v.pipe(v.array(v.string()), v.description("not in the store")),
  files: count,
  bytes,
});

export const ImportReportSchema = v.object({
  took_ms: milliseconds,
  folder: v.string(),
  seen: v.pipe(count, v.description("files, and other things, gone through")),
  adopted: count,
  adopted_bytes: bytes,
  present: v.pipe(count, v.description("in the store already")),
  left: v.pipe(
    v.array(v.object({ reason: v.string(), files: count, examples: v.array(v.string()) })),
    v.description("what was not taken in, by reason, with the first thousand names of each"),
  ),
});

export type CleanRequest = v.InferOutput<typeof CleanRequestSchema>;
export type RescanRequest = v.InferOutput<typeof RescanRequestSchema>;
export type FetchRequest = v.InferOutput<typeof FetchRequestSchema>;
export type VerifyRequest = v.InferOutput<typeof VerifyRequestSchema>;
export type DropRequest = v.InferOutput<typeof DropRequestSchema>;
export type ImportRequest = v.InferOutput<typeof ImportRequestSchema>;
export type Progress = v.InferOutput<typeof ProgressSchema>;
export type RescanReport = v.InferOutput<typeof RescanReportSchema>;
export type ImportReport = v.InferOutput<typeof ImportReportSchema>;
export type CleanReport = v.InferOutput<typeof CleanReportSchema>;
export type DropReport = v.InferOutput<typeof DropReportSchema>;
export type VerifyReport = v.InferOutput<typeof VerifyReportSchema>;
export type FetchReport = v.InferOutput<typeof FetchReportSchema>;
