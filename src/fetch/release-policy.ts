/**
 * How much of a file coming in clients may have before it is known to be right (SPEC 5), as a pure function.
 * Small files are held until they are checked, large ones flow but for their last piece, which waits for the hash:
 * so no response ever completes a bad file.
 */
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";

/** After so long a small file flows like the others: clients give up on silence. */
export const HOLD_MS = 10_000;
/** Where what came before was wrong, all of it is held for so long: the next asking shall not break off, too. */
export const DISTRUST_MS = 30_000;
/** Of larger files so much is held back. */
const LAST_PIECE_BYTES = 64 * 1024;

export interface Progress {
  /** Bytes on disk without a gap, from the start or from where a reader is. */
  readonly position: number;
  /** The whole file's size where it is known. */
  readonly total: number | undefined;
  /** Whether HOLD_MS have passed since the download began. */
  readonly overdue: boolean;
  /** Whether it came out wrong before, not long ago. */
  readonly distrusted: boolean;
}

/** The byte up to which an unchecked file may be sent. */
export function releasable({ position, total, overdue, distrusted }: Progress): number {
  if (distrusted) return 0;
  if ((total ?? position) <= HOLD_LIMIT_BYTES && !overdue) return 0;
  if (total === undefined) return position;
  const lastPiece = Math.min(LAST_PIECE_BYTES, Math.ceil(total / 8));
  return Math.max(0, Math.min(position, total - lastPiece));
}
