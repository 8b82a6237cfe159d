/**
 * Keeps count of what a clean-up removes, for its report.
 */
import type { Reason, Usage, Victim } from "./policy.ts";

export interface Tally {
  readonly files: number;
  readonly bytes: number;
}

export interface CleanUpReport {
  /** Nothing was removed, this is what would be. */
  readonly dryRun: boolean;
  /** In the order in which they went, no more than MAX_LISTED of them. */
  readonly removed: readonly Victim[];
  readonly total: Tally;
  readonly byReason: Readonly<Record<Reason, Tally>>;
  /** Selected, but left as somebody asked for them meanwhile. */
  readonly inUse: number;
  /** Parts that nobody continued. */
  readonly parts: number;
  readonly before: Usage;
  readonly after: Usage;
  /** What is over the limits still, as all that is left is kept or in use, or as others fill the disk. */
  readonly over: Tally;
}

/** Nobody reads a longer list; the sums count all. */
export const MAX_LISTED = 10_000;

export interface CleanTally {
  add(victim: Victim): void;
  skip(): void;
  readonly total: Tally;
  report(rest: Pick<CleanUpReport, "dryRun" | "parts" | "before" | "after" | "over">): CleanUpReport;
}

export function createTally(): CleanTally {
  const removed: Victim[] = [];
  const byReason = { orphan: { files: 0, bytes: 0 }, age: { files: 0, bytes: 0 }, space: { files: 0, bytes: 0 } };
  const total = { files: 0, bytes: 0 };
  let inUse = 0;
  return {
    add(victim) {
      if (removed.length < MAX_LISTED) removed.push(victim);
      for (const tally of [total, byReason[victim.reason]]) {
        tally.files++;
        tally.bytes += victim.size;
      }
    },
    skip() {
      inUse++;
    },
    total,
    report: (rest) => ({ removed, total, byReason, inUse, ...rest }),
  };
}
