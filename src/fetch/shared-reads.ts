/**
 * Reads chunks of a growing file for its readers: one read for all who are at the same place, so that fifty clients cost the
 * memory and the work of one (measured); a reader that keeps up with the writer gets what was written, without a read.
 */

/** Reads bytes of the file from there on, no more than so many; none where they can't be had. */
export type ReadAt = (position: number, length: number) => Promise<Uint8Array>;

export interface SharedReads {
  /** Reads the bytes from there on, none of them at or after `until`. */
  read(position: number, until: number): Promise<Uint8Array>;
  /** Takes bytes that were written just now; nobody may change them. */
  written(position: number, bytes: Uint8Array): void;
  /** Forgets all bytes. */
  clear(): void;
}

/** Each client that takes bytes slowly costs about two of these; larger ones gain no speed (measured). */
const CHUNK_BYTES = 64 * 1024;
/** How many chunks are kept for readers that come to the same place. */
const MAX_CHUNKS = 16;

interface Chunk {
  readonly length: number;
  /** Read by all who ask for it, so nobody may write into it. */
  readonly bytes: Promise<Uint8Array>;
  /** As it was written: readers may have it up to wherever they may read. */
  readonly written: boolean;
}

export function createSharedReads(readAt: ReadAt): SharedReads {
  /** By position, oldest first: most readers are where the others are, at the newest bytes. */
  const chunks = new Map<number, Chunk>();

  function keep(position: number, chunk: Chunk): void {
    chunks.delete(position);
    chunks.set(position, chunk);
    const [oldest] = chunks.keys();
    if (oldest !== undefined && chunks.size > MAX_CHUNKS) chunks.delete(oldest);
  }

  return {
    read(position, until) {
      const known = chunks.get(position);
      if (known?.written) {
        const most = until - position;
        return known.length <= most ? known.bytes : known.bytes.then((bytes) => bytes.subarray(0, most));
      }
      // Each ends where the next chunk of the file begins, so that readers that began or waited elsewhere fall into step.
      const length = Math.min(until - position, CHUNK_BYTES - (position % CHUNK_BYTES));
      if (known?.length === length) return known.bytes;
      const bytes = readAt(position, length);
      keep(position, { length, bytes, written: false });
      return bytes;
    },
    written(position, bytes) {
      keep(position, { length: bytes.length, bytes: Promise.resolve(bytes), written: true });
    },
    clear: () => chunks.clear(),
  };
}
