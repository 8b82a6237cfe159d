/**
 * Which mirror to ask first (pure). Mirrors are synced at different times, so a file, its digests and its signature should come
 * from one: the one that gave the newest of them, as long as it is in order.
 */
import type { Source } from "../../distfile/source.ts";

/** Whether a file with that URL came from this mirror. */
export function isFrom(url: string, { label }: Pick<Source, "label">): boolean {
  return url.startsWith(`${label}/`);
}

/** @param siblings the one that changed last first */
export function preferred<S extends Pick<Source, "label" | "expectedMs">>(
  sources: readonly S[],
  siblings: readonly { readonly source: string }[],
): readonly S[] {
  const first = siblings
    .flatMap(({ source }) => sources.find((one) => isFrom(source, one)) ?? [])
    .find((one) => one.expectedMs(1) !== undefined);
  return first === undefined ? sources : [first, ...sources.filter((one) => one !== first)];
}
