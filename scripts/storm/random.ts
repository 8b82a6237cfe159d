/**
 * Draws numbers from a seed, so that a storm can be repeated.
 */

export interface Random {
  /** Returns an integer from 0 up to but not including `end`. */
  below(end: number): number;
  /** Returns one of the list. @throws {RangeError} if it is empty */
  pick<T>(list: readonly T[]): T;
  /** Returns true in `share` of a hundred calls. */
  percent(share: number): boolean;
}

/** Creates a splitmix generator (Steele and Vigna), cut to 32 bits. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  const below = (end: number) => next() % end;
  return {
    below,
    pick(list) {
      if (list.length === 0) throw new RangeError("Cannot pick from an empty list");
      return list[below(list.length)] as (typeof list)[number];
    },
    percent: (share) => below(100) < share,
  };
}
