/**
 * Prefers the mirror that sent the newest of a file, its digests and its signature, as long as its circuit is closed (pure):
 * mirrors are synced at different times, and these files only match if they are of one time.
 */
import type { Source } from "../../distfile/source.ts";

/** Returns whether a file with that URL came from this mirror. */
export function isFrom(url: string, { label }: Pick<Source, "label">): boolean {
  return url.startsWith(`${label}/`);
}

/** @param siblings the stored files of the same stem, the one stored last first */
export function preferred<S extends Pick<Source, "label" | "expectedMs">>(
  sources: readonly S[],
  siblings: readonly { readonly source: string }[],
): readonly S[] {
  const first = siblings
    .flatMap(({ source }) => sources.find((one) => isFrom(source, one)) ?? [])
    .find((one) => one.expectedMs(1) !== undefined);
  return first === undefined ? sources : [first, ...sources.filter((one) => one !== first)];
}
