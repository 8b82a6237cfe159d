/**
 * How often a value was at most so much, for histograms: counting costs some ten nanoseconds, so that it may be done for
 * every request.
 */

export interface Buckets {
  observe(value: number): void;
  /** Upper ends, ascending; a last bucket takes what is above. */
  readonly bounds: readonly number[];
  /** How many were at most each bound. */
  cumulated(): readonly number[];
  readonly count: number;
  readonly sum: number;
}

export function createBuckets(bounds: readonly number[]): Buckets {
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
    cumulated() {
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
