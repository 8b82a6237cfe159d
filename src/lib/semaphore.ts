/**
 * At most so many at once, first come, first served.
 */

export interface Semaphore {
  /** Resolves once a place is free, with a function that gives it back (calling it twice does nothing more). */
  acquire(): Promise<() => void>;
  /** How many wait for a place. */
  readonly waiting: number;
}

/** @param places how many; a function tells how many there are now */
export function createSemaphore(places: number | (() => number)): Semaphore {
  const limit = typeof places === "number" ? () => places : places;
  let taken = 0;
  const queue: (() => void)[] = [];

  function grant(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      taken--;
      // More than one where there are more places than before.
      while (taken < limit() && queue.length > 0) {
        taken++;
        queue.shift()?.();
      }
    };
  }

  return {
    acquire() {
      if (taken < limit()) {
        taken++;
        return Promise.resolve(grant());
      }
      return new Promise((resolve) => queue.push(() => resolve(grant())));
    },
    get waiting() {
      return queue.length;
    },
  };
}
