/**
 * Describes the query parameters of GET /api/v1 and their defaults as Valibot schemas.
 */
import * as v from "valibot";
import { FILE_ORDERS, RESOLUTIONS } from "../distfile/reporting.ts";
import { COUNTED_OUTCOMES } from "../distfile/response-outcome.ts";

/** A whole number in a query string. */
function numeric(min: number, max: number, preset: number) {
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,9}$/, ({ received }) => `expected a whole number from ${min} to ${max}, got ${received}`),
      v.transform(Number),
      v.minValue(min),
      v.maxValue(max),
    ),
    String(preset),
  );
}

export const FilesQuerySchema = v.object({
  q: v.optional(v.pipe(v.string(), v.maxLength(255), v.description("part of the name, case-insensitive")), ""),
  sort: v.optional(v.picklist(FILE_ORDERS), "name"),
  order: v.optional(v.picklist(["asc", "desc"]), "asc"),
  page: numeric(1, 1_000_000, 1),
  per_page: numeric(1, 500, 50),
});

export const HistoryQuerySchema = v.object({
  resolution: v.optional(v.picklist(RESOLUTIONS), "minute"),
  points: numeric(1, 2000, 120),
});

/** The id of a request. */
const cursor = v.optional(
  v.pipe(v.string(), v.regex(/^\d{1,16}$/, "expected the id of a request"), v.transform(Number), v.safeInteger()),
);
const requestTime = v.optional(v.pipe(v.string(), v.isoTimestamp()));

export const RequestsQuerySchema = v.object({
  client: v.optional(v.pipe(v.string(), v.maxLength(255), v.description("address or name"))),
  outcome: v.optional(v.picklist(COUNTED_OUTCOMES)),
  file: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(255), v.description("how the name begins"))),
  package: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(255),
      v.regex(/^[^/]+\/[^/]+$/, ({ received }) => `expected CATEGORY/PACKAGE, got ${received}`),
    ),
  ),
  since: requestTime,
  until: requestTime,
  before: cursor,
  after: cursor,
  limit: numeric(1, 500, 50),
});

export const PackagesQuerySchema = v.object({
  search: v.optional(
    v.pipe(v.string(), v.maxLength(255), v.description("part of the name of a package or file, case-insensitive")),
    "",
  ),
  limit: numeric(1, 200, 50),
});

export const LimitQuerySchema = v.object({ limit: numeric(1, 500, 20) });

export type FilesQuery = v.InferOutput<typeof FilesQuerySchema>;
export type RequestsQuery = v.InferOutput<typeof RequestsQuerySchema>;
export type HistoryQuery = v.InferOutput<typeof HistoryQuerySchema>;
export type PackagesQuery = v.InferOutput<typeof PackagesQuerySchema>;
