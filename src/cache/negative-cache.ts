/**
 * Remembers for a while which files no source had; bounded, so that random names cost no memory.
 */
import type { Attempt } from "../distfile/errors.ts";
import type { Clock } from "../lib/clock.ts";

const MAX_ENTRIES = 10_000;

export interface NegativeCache {
  get(key: string): readonly Attempt[] | undefined;
  add(key: string, attempts: readonly Attempt[]): void;
  /** Forgets all, as when a repository changed: what was asked for in vain may have sources now. */
  clear(): void;
}

/** @param ttl milliseconds, as configured now */
export function createNegativeCache(ttl: () => number, clock: Clock): NegativeCache {
  const entries = new Map<string, { readonly attempts: readonly Attempt[]; readonly until: number }>();
  return {
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      // An entry from the future was made before the clock was set back, or before the time to live was made shorter.
      if (clock.now() < entry.until && clock.now() >= entry.until - ttl()) return entry.attempts;
      entries.delete(key);
      return undefined;
    },
    add(key, attempts) {
      const ttlMs = ttl();
      if (ttlMs <= 0) return;
      entries.delete(key);
      entries.set(key, { attempts, until: clock.now() + ttlMs });
      const [oldest] = entries.keys();
      if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest);
    },
    clear: () => entries.clear(),
  };
}
