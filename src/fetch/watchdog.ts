/**
 * Whether an upstream still delivers: no byte, or a trickle under 1 KiB/s, over the stall time means that it does not.
 * Only time in which somebody waits for bytes counts, so that a slow disk of ours is not held against a source.
 */

/** Below this a client's own time-outs would be reached sooner than the file's end. */
const MIN_BYTES_PER_SECOND = 1024;
/** The window slides in so many steps. */
const STEPS = 4;

export interface Watchdog {
  /** Bytes arrived. */
  fed(bytes: number): void;
  /** Tells whether somebody waits for bytes now. */
  waiting(now: boolean): void;
  stop(): void;
}

/** Calls `onStall` once when too little came in `stallMs`. */
export function createWatchdog(stallMs: number, onStall: () => void): Watchdog {
  const needed = (MIN_BYTES_PER_SECOND * stallMs) / 1000;
  const steps: number[] = [];
  let current = 0;
  let isWaiting = false;

  const timer = setInterval(() => {
    if (!isWaiting) {
      // The reader is busy elsewhere: what it will find waiting for it can't be judged by the clock.
      steps.length = 0;
      current = 0;
      return;
    }
    steps.push(current);
    current = 0;
    if (steps.length < STEPS) return;
    const sum = steps.reduce((total, bytes) => total + bytes, 0);
    steps.shift();
    if (sum >= needed) return;
    clearInterval(timer);
    onStall();
  }, stallMs / STEPS);

  return {
    fed(bytes) {
      current += bytes;
    },
    waiting(now) {
      isWaiting = now;
    },
    stop() {
      clearInterval(timer);
    },
  };
}
