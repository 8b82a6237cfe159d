/**
 * Decides how much of an unverified file clients may have (pure): small files are held until they are verified, large ones
 * stream but for their last bytes, which wait for the hash. So no response ever completes a bad file.
 */
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";

/** After this long a small file streams like the others: clients give up on silence. */
export const HOLD_MS = 10_000;
/** After a file came out wrong, all bytes are held this long: the next attempt should not break clients off, too. */
export const DISTRUST_MS = 30_000;
/** How much of a large file is held back. */
const LAST_BYTES = 64 * 1024;

export interface ReleaseProgress {
  /** The byte up to which all is on disk, from the start or from where a reader is. */
  readonly position: number;
  /** The whole file's size where it is known. */
  readonly total: number | undefined;
  /** Whether HOLD_MS have passed since the download began. */
  readonly overdue: boolean;
  /** Whether the file came out wrong before, not long ago. */
  readonly distrusted: boolean;
}

/** Returns the byte up to which an unverified file may be sent. */
export function releasable({ position, total, overdue, distrusted }: ReleaseProgress): number {
  if (distrusted) return 0;
  if ((total ?? position) <= HOLD_LIMIT_BYTES && !overdue) return 0;
  if (total === undefined) return position;
  const lastBytes = Math.min(LAST_BYTES, Math.ceil(total / 8));
  return Math.max(0, Math.min(position, total - lastBytes));
}
