/**
 * Says where a limit of the store cannot be met by its disk, with both numbers (pure).
 */
import { formatMib, formatSize } from "../config/units.ts";
import type { Volume } from "../store/partial-folders.ts";

/** Returns why nothing can ever be stored on a disk, to follow an article; undefined where something can. */
export function unmeetableReason(
  { folder, totalBytes }: Pick<Volume, "folder" | "totalBytes">,
  minFree: number,
): string | undefined {
  if (minFree === 0 || totalBytes > minFree) return undefined;
  return `disk of ${folder} has ${formatMib(totalBytes)} in total, but ${formatSize(minFree)} are to stay free (storage.min_free)`;
}

/** Returns why there is no room on a disk whatever is removed, as a sentence part. */
export function noSpaceReason({ folder, freeBytes }: Pick<Volume, "folder" | "freeBytes">, minFree: number): string {
  return `the disk of ${folder} has ${formatMib(freeBytes)} free, storage.min_free is ${formatSize(minFree)}, and nothing more can be removed`;
}
