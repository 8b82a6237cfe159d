/**
 * Draws numbers and choices from a seed, so that a storm can be repeated.
 */
import { createRandom as createNumbers } from "../../src/testing/random.ts";

export interface Random {
  /** Returns an integer from 0 up to but not including `end`. */
  below(end: number): number;
  /** Returns one of the list. @throws {RangeError} if it is empty */
  pick<T>(list: readonly T[]): T;
  /** Returns true in `share` of a hundred calls. */
  percent(share: number): boolean;
}

export function createRandom(seed: number): Random {
  const next = createNumbers(seed);
  const below = (end: number) => Math.floor(next() * end);
  return {
    below,
    pick(list) {
      if (list.length === 0) throw new RangeError("Cannot pick from an empty list");
      return list[below(list.length)] as (typeof list)[number];
    },
    percent: (share) => below(100) < share,
  };
}
