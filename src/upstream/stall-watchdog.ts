/**
 * How many bytes came of late: a window that slides in steps. Only time in which somebody waits for bytes counts, so that a
 * slow disk or client of ours is not held against a source.
 */

export interface Window {
  /** Bytes arrived. */
  fed(bytes: number): void;
  /** Tells whether somebody waits for bytes now. */
  waiting(now: boolean): void;
  stop(): void;
}

/** @param look gets the bytes of the last `steps` steps, after each step once there are so many; true ends it */
export function createWindow(stepMs: number, steps: number, look: (bytes: number) => boolean): Window {
  const seen: number[] = [];
  let current = 0;
  let isWaiting = false;
  const timer = setInterval(() => {
    if (!isWaiting) {
      // The reader is busy elsewhere: what it will find waiting for it can't be judged by the clock.
      seen.length = 0;
      current = 0;
      return;
    }
    seen.push(current);
    current = 0;
    if (seen.length < steps) return;
    const bytes = seen.reduce((sum, one) => sum + one, 0);
    seen.shift();
    if (look(bytes)) clearInterval(timer);
  }, stepMs);
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
