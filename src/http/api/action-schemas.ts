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
  names: v.pipe(v.optional(v.array(v.string()), []), v.description("names of distfiles")),
  packages: v.pipe(v.optional(v.array(v.string()), []), v.description("CATEGORY/PACKAGE: all their distfiles")),
  version: v.pipe(v.optional(v.string()), v.description("of the packages this version alone")),
});
export const VerifyRequestSchema = v.strictObject({
  repair: v.pipe(v.optional(v.boolean(), false), v.description("fetch bad files again, remove what can't be had")),
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

export type CleanRequest = v.InferOutput<typeof CleanRequestSchema>;
export type RescanRequest = v.InferOutput<typeof RescanRequestSchema>;
export type FetchRequest = v.InferOutput<typeof FetchRequestSchema>;
export type VerifyRequest = v.InferOutput<typeof VerifyRequestSchema>;
export type DropRequest = v.InferOutput<typeof DropRequestSchema>;
export type ImportRequest = v.InferOutput<typeof ImportRequestSchema>;
export type Progress = v.InferOutput<typeof ProgressSchema>;
export type RescanReport = v.InferOutput<typeof RescanReportSchema>;
