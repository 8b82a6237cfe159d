/**
 * Keeps items in a binary heap: the first is at hand, and each is added and removed in logarithmic time, wherever it is.
 */

export interface Heap<T> {
  /** The item that goes before all others. */
  readonly first: T | undefined;
  readonly size: number;
  /** @param item not in the heap yet */
  add(item: T): void;
  /** Returns whether the item was there. */
  delete(item: T): boolean;
}

/** @param compare as for Array.sort; must not change its mind about items in the heap */
export function createHeap<T>(compare: (a: T, b: T) => number): Heap<T> {
  const items: T[] = [];
  const places = new Map<T, number>();

  function put(item: T, place: number): void {
    items[place] = item;
    places.set(item, place);
  }

  /** Puts the item at that place or further up, where no item above it goes after it. */
  function rise(item: T, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = items[above];
      if (parent === undefined || compare(parent, item) <= 0) break;
      put(parent, place);
      place = above;
    }
    put(item, place);
  }

  /** Puts the item at that place or further down, where no item below it goes before it. */
  function sink(item: T, from: number): void {
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      let child = items[below];
      const other = items[below + 1];
      if (child === undefined) break;
      if (other !== undefined && compare(other, child) < 0) {
        child = other;
        below++;
      }
      if (compare(item, child) <= 0) break;
      put(child, place);
      place = below;
    }
    put(item, place);
  }

  return {
    get first() {
      return items[0];
    },
    get size() {
      return items.length;
    },
    add: (item) => rise(item, items.length),
    delete(item) {
      const place = places.get(item);
      if (place === undefined) return false;
      places.delete(item);
      const last = items.pop();
      if (last === undefined || last === item) return true;
      const above = items[(place - 1) >> 1];
      if (place > 0 && above !== undefined && compare(last, above) < 0) rise(last, place);
      else sink(last, place);
      return true;
    },
  };
}
