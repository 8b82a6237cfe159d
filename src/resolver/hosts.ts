/**
 * Which hosts of SRC_URI just failed, so that the next file does not wait for them first.
 */
import type { Clock } from "../lib/clock.ts";
import type { Candidate } from "./expand.ts";

export interface Hosts {
  /** Those that failed a moment ago last, else as they are. */
  order(candidates: readonly Candidate[]): readonly Candidate[];
  report(url: string, outcome: "delivered" | "absent" | "failed"): void;
}

const SHUNNED_MS = 60_000;
const MAX_HOSTS = 1000;

export function createHosts(clock: Clock): Hosts {
  const failedAt = new Map<string, number>();

  function isShunned(candidate: Candidate): boolean {
    if (candidate.kind !== "url") return false;
    const since = clock.now() - (failedAt.get(new URL(candidate.url).origin) ?? Number.NEGATIVE_INFINITY);
    return since >= 0 && since < SHUNNED_MS;
  }

  return {
    order: (candidates) => [...candidates.filter((one) => !isShunned(one)), ...candidates.filter(isShunned)],
    report(url, outcome) {
      const { origin } = new URL(url);
      failedAt.delete(origin);
      if (outcome !== "failed") return;
      failedAt.set(origin, clock.now());
      const [oldest] = failedAt.keys();
      if (failedAt.size > MAX_HOSTS && oldest !== undefined) failedAt.delete(oldest);
    },
  };
}
