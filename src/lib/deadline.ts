/**
 * Waiting for something, but not for longer than it is worth.
 */
import type { Clock } from "./clock.ts";

/** What the promise comes to, or "late" when it has not settled within `ms`; its later outcome is then the caller's. */
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
