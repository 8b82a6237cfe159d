/**
 * Pieces of a file that grows, for its readers: one read for all who are at the same place, so that fifty clients cost the
 * memory and the work of one (measured); and who keeps up with the writer gets what was written, without a read.
 */

/** Bytes of the file from there on, no more than so many; none where they can't be had. */
export type ReadAt = (position: number, length: number) => Promise<Uint8Array>;

export interface Recent {
  /** The bytes from there on, none of them at or after `until`. */
  read(position: number, until: number): Promise<Uint8Array>;
  /** Bytes that were written just now; nobody may change them. */
  written(position: number, bytes: Uint8Array): void;
  /** Forgets them all. */
  clear(): void;
}

/** Each client that takes bytes slowly costs about two of these; larger ones gain no speed (measured). */
const PIECE_BYTES = 64 * 1024;
/** How many pieces are kept for readers that come to the same place. */
const RECENT_PIECES = 16;

interface Piece {
  readonly length: number;
  /** Read by all who ask for it, so nobody may write into it. */
  readonly bytes: Promise<Uint8Array>;
  /** As it was written: readers may have it up to wherever they may read. */
  readonly written: boolean;
}

export function createRecent(readAt: ReadAt): Recent {
  /** By position, oldest first: most readers are where the others are, at the newest bytes. */
  const recent = new Map<number, Piece>();

  function keep(position: number, piece: Piece): void {
    recent.delete(position);
    recent.set(position, piece);
    const [oldest] = recent.keys();
    if (oldest !== undefined && recent.size > RECENT_PIECES) recent.delete(oldest);
  }

  return {
    read(position, until) {
      const known = recent.get(position);
      if (known?.written) {
        const most = until - position;
        return known.length <= most ? known.bytes : known.bytes.then((bytes) => bytes.subarray(0, most));
      }
      // They end where the next one of the file begins, so that readers that began or waited elsewhere fall into step.
      const length = Math.min(until - position, PIECE_BYTES - (position % PIECE_BYTES));
      if (known?.length === length) return known.bytes;
      const bytes = readAt(position, length);
      keep(position, { length, bytes, written: false });
      return bytes;
    },
    written(position, bytes) {
      keep(position, { length: bytes.length, bytes: Promise.resolve(bytes), written: true });
    },
    clear: () => recent.clear(),
  };
}
