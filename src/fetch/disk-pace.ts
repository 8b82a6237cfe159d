/**
 * Learns how soon the disk stores small files. A quick disk has a file before its first client does, who may look there or ask again
 * at once: the answer waits for that. On a slow one nobody waits.
 */

export interface DiskPace {
  /** How many milliseconds an answer may wait for the disk; 0 where the disk would take longer. */
  readonly worthWaitingMs: number;
  /** A file was stored within that time. */
  stored(ms: number): void;
}

const PROMPT_MS = 10;
/** Of the newest file in the average. */
const WEIGHT = 0.25;

export function createDiskPace(): DiskPace {
  let averageMs = 0;
  return {
    get worthWaitingMs() {
      return averageMs <= PROMPT_MS ? PROMPT_MS : 0;
    },
    stored(ms) {
      averageMs += WEIGHT * (ms - averageMs);
    },
  };
}
