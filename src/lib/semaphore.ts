/**
 * Limits how many hold a slot at once, first come, first served.
 */

export interface Semaphore {
  /** Resolves once a slot is free, with a function that gives it back (calling it twice does nothing more). */
  acquire(): Promise<() => void>;
  /** How many wait for a slot. */
  readonly waiting: number;
}

/** @param slots how many there are, or a function that returns it */
export function createSemaphore(slots: number | (() => number)): Semaphore {
  const limit = typeof slots === "number" ? () => slots : slots;
  let taken = 0;
  const queue: (() => void)[] = [];

  function grant(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      taken--;
      // The limit may have grown: then more than one may start.
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
