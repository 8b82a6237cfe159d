/**
 * Counts how often names were asked for lately (pure): counts that fade, in bounded memory, after TinyLFU (Einziger, Friedman and
 * Manes, 2017), with exact counts as names are few.
 */

export interface TinyLfu {
  /** Counts one use; returns the uses so far, faded. */
  increment(name: string): number;
  /** Returns the uses so far, faded. */
  estimate(name: string): number;
}

/** @param names after ten uses for each of this many, all counts are halved and those at zero are forgotten */
export function createTinyLfu(names: number): TinyLfu {
  const counts = new Map<string, number>();
  let uses = 0;

  function fade(): void {
    uses = 0;
    for (const [name, count] of counts) {
      const half = count >> 1;
      if (half === 0) counts.delete(name);
      else counts.set(name, half);
    }
  }

  return {
    increment(name) {
      if (++uses > names * 10) fade();
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return count;
    },
    estimate: (name) => counts.get(name) ?? 0,
  };
}
