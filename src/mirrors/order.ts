/**
 * In which order mirrors are asked (pure): as configured, in turn, or those that just failed last.
 */

export type Strategy = "adaptive" | "round-robin" | "ordered";

export interface MirrorState {
  readonly url: string;
  /** When it last failed, in milliseconds, unless it has worked since. */
  readonly failedAt: number | undefined;
}

/** So long after a failure a mirror comes after the others. */
const SHUNNED_MS = 60_000;

/** @param turn counts the files asked for */
export function orderMirrors<M extends MirrorState>(
  mirrors: readonly M[],
  strategy: Strategy,
  turn: number,
  now: number,
): readonly M[] {
  if (strategy === "ordered" || mirrors.length === 0) return mirrors;
  if (strategy === "round-robin") {
    const first = turn % mirrors.length;
    return [...mirrors.slice(first), ...mirrors.slice(0, first)];
  }
  const shunned = (mirror: M) => mirror.failedAt !== undefined && now - mirror.failedAt < SHUNNED_MS;
  return [...mirrors.filter((mirror) => !shunned(mirror)), ...mirrors.filter(shunned)];
}
