/**
 * A download's place among those that may be under way at once. One that nobody's disk takes goes at the speed of who reads
 * it: it gives its place to others, as far as there is room aside, so that a few slow clients hold up nobody else.
 */
import type { Semaphore } from "../lib/semaphore.ts";

export interface Place {
  /** @param leave gives the place back; twice does nothing more */
  take(leave: () => void): void;
  /** It waits for those who read it, and will do so again. */
  stepAside(): void;
  leave(): void;
}

/** @param aside room for those that wait for their readers: each has some MiB in memory (overflow.ts) */
export function createPlace(aside: Semaphore): Place {
  let leave = () => {};
  let [stepped, left] = [false, false];
  return {
    take(given) {
      leave = given;
    },
    stepAside() {
      if (stepped) return;
      stepped = true;
      void aside.acquire().then((leaveAside) => {
        leave();
        leave = leaveAside;
        if (left) leave();
      });
    },
    leave() {
      left = true;
      leave();
    },
  };
}
