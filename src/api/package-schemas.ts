/**
 * Describes the responses of /api/v1 about packages: what a search finds, and the details of one package.
 */
import * as v from "valibot";
import { bytes, count, instant } from "./schemas.ts";

const packageName = v.pipe(v.string(), v.description("category/name"));

export const PackagesSchema = v.object({
  packages: v.pipe(
    v.array(v.object({ package: packageName, repository: v.string(), files: count })),
    v.description("whose name contains the text, the best first; none without a text"),
  ),
  files: v.pipe(
    v.array(v.object({ name: v.string(), size: bytes, stored: v.boolean(), package: packageName })),
    v.description("that a Manifest lists, stored or not"),
  ),
});

export const PackageDetailsSchema = v.object({
  package: packageName,
  repositories: v.array(
    v.object({
      repository: v.string(),
      versions: v.pipe(
        v.array(
          v.object({
            version: v.string(),
            slot: v.nullable(v.string()),
            files: v.pipe(v.nullable(v.array(v.string())), v.description("null: the ebuild was not evaluated yet")),
            fetch_restricted: v.boolean(),
          }),
        ),
        v.description("the newest hundred"),
      ),
    }),
  ),
  files: v.pipe(
    v.array(
      v.object({
        name: v.string(),
        size: bytes,
        stored: v.boolean(),
        stored_at: v.nullable(instant),
        uses: count,
        summary: v.pipe(v.string(), v.description("why it is or is not stored, in a sentence")),
      }),
    ),
    v.description("those that its Manifests list, stored ones first; at most 200"),
  ),
  total_files: count,
  total_bytes: bytes,
});

export type PackagesResponse = v.InferOutput<typeof PackagesSchema>;
export type PackageDetails = v.InferOutput<typeof PackageDetailsSchema>;
