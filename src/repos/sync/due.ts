/**
 * When a tree is synced next, pure.
 */

export interface SyncHistory {
  /** Whether some version of it is there to use. */
  readonly there: boolean;
  /** When it was last known to be what its URL has. */
  readonly syncedAt: number | undefined;
  /** End of the last try of this run. */
  readonly triedAt: number | undefined;
  /** Tries in vain since the last good one. */
  readonly failures: number;
  /** 0: what is there stays as it is. */
  readonly intervalMs: number;
}

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;

/** One that is not there is tried again after 1, 2, 4 … minutes. Undefined: never. */
export function nextSyncAt({ there, syncedAt, triedAt, failures, intervalMs }: SyncHistory): number | undefined {
  if (there) return intervalMs === 0 ? undefined : Math.max(triedAt ?? 0, syncedAt ?? 0) + intervalMs;
  if (triedAt === undefined) return 0;
  return triedAt + Math.min(MINUTE_MS * 2 ** Math.max(0, failures - 1), intervalMs || HOUR_MS, HOUR_MS);
}

/** Milliseconds until then; what lies further ahead than any interval is the work of a clock that was set back. */
export function waitMs(at: number, now: number, intervalMs: number): number {
  return at > now + Math.max(intervalMs, HOUR_MS) ? 0 : Math.max(0, at - now);
}
