/**
 * Computes ratios of what was measured in turn, A B A B (pure): medians, with the smallest and the largest of the single rounds.
 */

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export interface Ratio {
  /** Median of ours through median of theirs. */
  readonly median: number;
  /** Of the rounds, each by itself. */
  readonly min: number;
  readonly max: number;
}

/** @param ours and theirs by round, measured one right after the other */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const rounds = ours.map((value, i) => value / (theirs[i] ?? Number.NaN)).filter((ratio) => !Number.isNaN(ratio));
  return { median: median(ours) / median(theirs), min: Math.min(...rounds), max: Math.max(...rounds) };
}
