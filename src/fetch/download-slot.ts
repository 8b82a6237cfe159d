/**
 * Holds a download's slot among those that may run at once. A download that is passed through runs at the speed of its clients:
 * it yields its slot to others, as far as there are slots for downloads that have yielded, so that a few slow clients hold up
 * nobody else.
 */
import type { Semaphore } from "../lib/semaphore.ts";

export interface DownloadSlot {
  /** @param release gives the slot back; a second call does nothing */
  take(release: () => void): void;
  /** Gives the slot to another download, as this one waits for its readers and will do so again. */
  yield(): void;
  release(): void;
}

/** @param yieldedSlots slots for downloads that wait for their readers: each has some MiB in memory (passthrough-buffer.ts) */
export function createDownloadSlot(yieldedSlots: Semaphore): DownloadSlot {
  let release = () => {};
  let [yielded, released] = [false, false];
  return {
    take(given) {
      release = given;
    },
    yield() {
      if (yielded) return;
      yielded = true;
      void yieldedSlots.acquire().then((releaseYielded) => {
        release();
        release = releaseYielded;
        if (released) release();
      });
    },
    release() {
      released = true;
      release();
    },
  };
}
