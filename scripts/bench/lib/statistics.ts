/**
 * Computes ratios of what was measured in turn, A B A B (pure): medians, with the smallest and the largest of the single rounds.
 */

/** Returns the middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export interface Ratio {
  /** Our median divided by theirs. */
  readonly median: number;
  /** Ratios of the single rounds. */
  readonly min: number;
  readonly max: number;
}

/** @param ours and theirs by round, measured one after the other */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const rounds = ours.map((value, i) => value / (theirs[i] ?? Number.NaN)).filter((ratio) => !Number.isNaN(ratio));
  return { median: median(ours) / median(theirs), min: Math.min(...rounds), max: Math.max(...rounds) };
}
