/**
 * The room that one file coming in has been promised: its whole size before it begins, where that is known, else piece by
 * piece while it grows.
 */

import type { Reservation } from "../distfile/reservation.ts";

export interface GrowingReservation {
  /** Asks for room for a file of so many bytes. Resolves with whether it was had. */
  whole(bytes: number): Promise<boolean>;
  /**
   * To be called before bytes up to that position are written: asks for more where what was promised does not do, but
   * for no more than the whole file, where its size is known by now.
   */
  upTo(position: number, total?: number): Promise<boolean>;
  wrote(bytes: number): void;
  release(): void;
}

/** What is asked for at once for a file whose size nobody knows. */
const PIECE_BYTES = 16 * 1024 * 1024;

export function createGrowingReservation(
  reserve: (bytes: number) => Promise<Reservation | undefined>,
): GrowingReservation {
  const held: Reservation[] = [];
  let promised = 0;

  let over = false;

  async function more(bytes: number): Promise<boolean> {
    const reservation = await reserve(bytes);
    if (!reservation) return false;
    if (over) {
      reservation.release();
      return false;
    }
    held.push(reservation);
    promised += bytes;
    return true;
  }

  return {
    whole: more,
    async upTo(position, total = Number.POSITIVE_INFINITY) {
      const piece = Math.min(PIECE_BYTES, total - promised);
      return position <= promised || (await more(Math.max(position - promised, piece)));
    },
    wrote: (bytes) => held.at(-1)?.wrote(bytes),
    release() {
      over = true;
      for (const reservation of held.splice(0)) reservation.release();
    },
  };
}
