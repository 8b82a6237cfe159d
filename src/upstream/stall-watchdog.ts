/**
 * Watches how many bytes of a transfer arrive. Only time in which a reader waits for bytes counts, so that a slow disk or a slow
 * client of ours is not blamed on the source.
 */

/** Counts the bytes of one transfer over a sliding window. */
export interface TransferWatch {
  received(bytes: number): void;
  /** Sets whether a reader waits for bytes now. */
  setWaiting(waiting: boolean): void;
  stop(): void;
}

/** @param check called after each step with the bytes of the last `steps` steps, once there are so many; true ends the watch */
export function createTransferWatch(stepMs: number, steps: number, check: (bytes: number) => boolean): TransferWatch {
  const window: number[] = [];
  let current = 0;
  let isWaiting = false;
  const timer = setInterval(() => {
    if (!isWaiting) {
      // The reader is busy: bytes that arrived meanwhile can't be timed.
      window.length = 0;
      current = 0;
      return;
    }
    window.push(current);
    current = 0;
    if (window.length < steps) return;
    const bytes = window.reduce((sum, one) => sum + one, 0);
    window.shift();
    if (check(bytes)) clearInterval(timer);
  }, stepMs);
  return {
    received(bytes) {
      current += bytes;
    },
    setWaiting(waiting) {
      isWaiting = waiting;
    },
    stop() {
      clearInterval(timer);
    },
  };
}

/** At a lower rate a client times out before the file ends. */
const MIN_BYTES_PER_SECOND = 1024;
const STEPS = 4;

/** Calls `onStall` once, when less than 1 KiB/s arrived over `stallMs`. */
export function createStallWatchdog(stallMs: number, onStall: () => void): TransferWatch {
  const needed = (MIN_BYTES_PER_SECOND * stallMs) / 1000;
  return createTransferWatch(stallMs / STEPS, STEPS, (bytes) => {
    if (bytes >= needed) return false;
    onStall();
    return true;
  });
}
