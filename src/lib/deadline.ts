/**
 * Waits for a promise no longer than a limit.
 */
import type { Clock } from "./clock.ts";

/** Resolves or rejects as the promise does, or resolves with "late" after `ms`; a later outcome is left to the caller. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | "late"> {
  const timer = new AbortController();
  const late = (): "late" => "late";
  const timeout = clock.sleep(ms, timer.signal).then(late, late);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    timer.abort();
  }
}
