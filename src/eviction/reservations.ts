/**
 * How much room there is, and who has been promised how much of it: a download takes its whole size before it begins, so
 * that many together stay under the limits.
 */
import type { Reservation } from "../distfile/reservation.ts";
import type { Limits, Usage } from "./policy.ts";
import { excess } from "./policy.ts";

export interface Ledger {
  /** What is there and what is promised, with all that is waited for. */
  usage(): Usage;
  /** The same with the least that somebody waits for: where that can't be had there is no point in making room. */
  leastUsage(): Usage;
  /** Whether the file would fit if everything else were gone. */
  canFit(bytes: number): boolean;
  /** Promises it where so much more keeps within the limits. */
  grant(bytes: number): Reservation | undefined;
  /** Counts it as wanted until the function given back is called: clean-up then makes room for it, too. */
  want(bytes: number): () => void;
}

export interface LedgerDeps {
  /** Of all stored files, and of parts that nobody continues just now. */
  readonly storedBytes: () => number;
  readonly freeBytes: () => number;
  readonly limits: () => Limits;
}

export function createLedger({ storedBytes, freeBytes, limits }: LedgerDeps): Ledger {
  /** Promised in all, and what of that is not on disk yet. */
  let promised = 0;
  let unwritten = 0;
  const wants = new Set<{ readonly bytes: number }>();

  const usageWith = (bytes: number): Usage => ({
    usedBytes: storedBytes() + promised + bytes,
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
      promised += bytes;
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
          promised -= bytes;
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
