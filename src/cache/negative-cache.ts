/**
 * Remembers for a while which files no source had; bounded, so that random names cost no memory.
 */
import type { Attempt } from "../distfile/errors.ts";
import type { Clock } from "../lib/clock.ts";

const MAX_ENTRIES = 10_000;
/** Of all these names together; each may have a hundred sources, and reasons why others are not asked. */
const MAX_ATTEMPTS = 50_000;

export interface NegativeCache {
  get(key: string): readonly Attempt[] | undefined;
  add(key: string, attempts: readonly Attempt[]): void;
  /** Forgets all, as when a repository changed: files that had no source may have one now. */
  clear(): void;
}

/** @param ttl milliseconds, as configured now */
export function createNegativeCache(ttl: () => number, clock: Clock): NegativeCache {
  const entries = new Map<string, { readonly attempts: readonly Attempt[]; readonly until: number }>();
  let attemptCount = 0;

  function forget(key: string): void {
    attemptCount -= entries.get(key)?.attempts.length ?? 0;
    entries.delete(key);
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      // An entry from the future was made before the clock was set back, or before the time to live was made shorter.
      if (clock.now() < entry.until && clock.now() >= entry.until - ttl()) return entry.attempts;
      forget(key);
      return undefined;
    },
    add(key, attempts) {
      const ttlMs = ttl();
      if (ttlMs <= 0) return;
      forget(key);
      entries.set(key, { attempts, until: clock.now() + ttlMs });
      attemptCount += attempts.length;
      for (const oldest of entries.keys()) {
        if (entries.size <= MAX_ENTRIES && attemptCount <= MAX_ATTEMPTS) break;
        forget(oldest);
      }
    },
    clear() {
      entries.clear();
      attemptCount = 0;
    },
  };
}
