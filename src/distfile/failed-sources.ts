/**
 * Groups the sources that could not give a file by how they failed: "4 not found, 1 wrong bytes" says more than five lines (pure).
 */
import { shown } from "../lib/text.ts";
import type { Attempt } from "./errors.ts";

/** From the worst to the least: what a person should see first. */
export const ATTEMPT_KINDS = [
  "corrupt",
  "failed",
  "timeout",
  "bad",
  "absent",
] as const satisfies readonly Attempt["kind"][];

/** Sources that failed in the same way. */
export interface FailedSources {
  readonly kind: Attempt["kind"];
  readonly count: number;
  /** The first of them. */
  readonly sources: readonly string[];
}

/** How many sources of a group are named. */
export const MAX_NAMED = 5;

/** Returns the groups, the worst first. */
export function groupAttempts(attempts: readonly Pick<Attempt, "kind" | "source">[]): readonly FailedSources[] {
  return ATTEMPT_KINDS.flatMap((kind) => {
    const group = attempts.filter((attempt) => attempt.kind === kind);
    if (group.length === 0) return [];
    return [{ kind, count: group.length, sources: group.slice(0, MAX_NAMED).map(({ source }) => shown(source)) }];
  });
}
