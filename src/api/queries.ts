/**
 * What may stand behind the ? of a GET below /api/v1, as Valibot schemas with their defaults.
 */
import * as v from "valibot";

/** Columns that files may be sorted by. */
export const FILE_ORDERS = ["name", "size", "stored_at", "used_at", "uses"] as const;

/** A number as a query has it. */
function numeric(least: number, most: number, preset: number) {
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,9}$/, ({ received }) => `${received} is no whole number from ${least} to ${most}`),
      v.transform(Number),
      v.minValue(least),
      v.maxValue(most),
    ),
    String(preset),
  );
}

export const FilesQuerySchema = v.object({
  q: v.optional(v.pipe(v.string(), v.maxLength(255), v.description("part of the name, in any case")), ""),
  sort: v.optional(v.picklist(FILE_ORDERS), "name"),
  order: v.optional(v.picklist(["asc", "desc"]), "asc"),
  page: numeric(1, 1_000_000, 1),
  per_page: numeric(1, 500, 50),
});

export const RESOLUTIONS = ["minute", "hour", "day"] as const;

export const HistoryQuerySchema = v.object({
  resolution: v.optional(v.picklist(RESOLUTIONS), "minute"),
  points: numeric(1, 2000, 120),
});

export const LimitQuerySchema = v.object({ limit: numeric(1, 500, 20) });

export type FilesQuery = v.InferOutput<typeof FilesQuerySchema>;
export type HistoryQuery = v.InferOutput<typeof HistoryQuerySchema>;
