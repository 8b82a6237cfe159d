/**
 * How fast bytes come of late, from one source of a download.
 */
import type { Clock } from "../lib/clock.ts";

export interface Meter {
  fed(bytes: number): void;
  /** Milliseconds since the first byte. */
  readonly ageMs: number;
  /** Bytes per second over the last two seconds; undefined where that is not known yet. */
  readonly bytesPerSecond: number | undefined;
}

const WINDOW_MS = 2_000;
/** Less tells nothing. */
const LEAST_MS = 250;

export function createMeter(clock: Clock): Meter {
  let startedAt: number | undefined;
  let seen: { readonly at: number; readonly bytes: number }[] = [];
  const ageMs = () => (startedAt === undefined ? 0 : Math.max(0, clock.now() - startedAt));
  return {
    fed(bytes) {
      const at = clock.now();
      // What comes first has been on its way for an unknown time.
      if (startedAt === undefined) startedAt = at;
      else seen.push({ at, bytes });
    },
    get ageMs() {
      return ageMs();
    },
    get bytesPerSecond() {
      if (ageMs() < LEAST_MS) return undefined;
      const since = clock.now() - WINDOW_MS;
      seen = seen.filter(({ at }) => at > since);
      const bytes = seen.reduce((sum, one) => sum + one.bytes, 0);
      return (1000 * bytes) / Math.min(ageMs(), WINDOW_MS);
    },
  };
}
