/**
 * Keeps count of the room in the store and of what is reserved: a download reserves its whole size before it begins, so that many
 * together stay under the limits.
 */
import type { Reservation } from "../distfile/reservation.ts";
import type { Limits, Usage } from "./policy.ts";
import { excess } from "./policy.ts";

export interface Reservations {
  /** What is stored and reserved, with all that is waited for. */
  usage(): Usage;
  /** What is stored and reserved, with the least that somebody waits for: where that does not fit, clean-up is no use. */
  leastUsage(): Usage;
  /** Whether the file would fit if everything else were gone. */
  canFit(bytes: number): boolean;
  /** Reserves room where so much more keeps within the limits. */
  grant(bytes: number): Reservation | undefined;
  /** Has clean-up make room for so many bytes more, until the returned function is called. */
  want(bytes: number): () => void;
}

export interface ReservationsDeps {
  /** Bytes of all stored files, and of parts that nobody continues just now. */
  readonly storedBytes: () => number;
  readonly freeBytes: () => number;
  readonly limits: () => Limits;
}

export function createReservations({ storedBytes, freeBytes, limits }: ReservationsDeps): Reservations {
  /** Reserved in all, and what of that is not on disk yet. */
  let reserved = 0;
  let unwritten = 0;
  const wants = new Set<{ readonly bytes: number }>();

  const usageWith = (bytes: number): Usage => ({
    usedBytes: storedBytes() + reserved + bytes,
    freeBytes: freeBytes() - unwritten - bytes,
  });

  return {
    usage: () => usageWith([...wants].reduce((sum, { bytes }) => sum + bytes, 0)),
    leastUsage: () => usageWith(wants.size === 0 ? 0 : Math.min(...[...wants].map(({ bytes }) => bytes))),
    canFit(bytes) {
      const { maxSize, minFree } = limits();
      return (maxSize === 0 || bytes <= maxSize) && freeBytes() + storedBytes() - bytes >= minFree;
    },
    grant(bytes) {
      if (excess(usageWith(bytes), limits()) > 0) return undefined;
      reserved += bytes;
      unwritten += bytes;
      let left = bytes;
      let held = true;
      return {
        wrote(more) {
          // What is written anew, as when a download starts over, needs no more room.
          const counted = held ? Math.min(left, more) : 0;
          left -= counted;
          unwritten -= counted;
        },
        release() {
          if (!held) return;
          held = false;
          reserved -= bytes;
          unwritten -= left;
        },
      };
    },
    want(bytes) {
      const want = { bytes };
      wants.add(want);
      return () => wants.delete(want);
    },
  };
}
