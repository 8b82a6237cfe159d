/**
 * At most so many at once, first come, first served.
 */

export interface Semaphore {
  /** Resolves once a place is free, with a function that gives it back (calling it twice does nothing more). */
  acquire(): Promise<() => void>;
  /** How many wait for a place. */
  readonly waiting: number;
}

export function createSemaphore(places: number): Semaphore {
  let free = places;
  const queue: (() => void)[] = [];

  function grant(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = queue.shift();
      if (next) next();
      else free++;
    };
  }

  return {
    acquire() {
      if (free > 0) {
        free--;
        return Promise.resolve(grant());
      }
      return new Promise((resolve) => queue.push(() => resolve(grant())));
    },
    get waiting() {
      return queue.length;
    },
  };
}
