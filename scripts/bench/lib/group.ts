/**
 * Declares what a group of measurements gets and returns. Each group is a module of scripts/bench/groups/ whose `group` run.ts
 * runs.
 */
import type { Measurement } from "./result.ts";

/** How thoroughly to measure. */
export interface Effort {
  /** How often each side is measured, in turn. */
  readonly rounds: number;
  /** Seconds for which a load generator runs in one round. */
  readonly seconds: number;
  /** Seconds of the soak. */
  readonly soakSeconds: number;
}

export interface Bench extends Effort {
  /** Returns a path in the group's own temporary folder, which is removed after it. */
  file(name: string): string;
  /** Prints what is going on. */
  say(line: string): void;
}

export interface Group {
  readonly name: string;
  /** One sentence: what is compared with what. */
  readonly about: string;
  /** @throws {Error} when something cannot be measured at all */
  run(bench: Bench): Promise<readonly Measurement[]>;
}

/** Runs each side once per round, A B A B, so that what disturbs the machine disturbs both. */
export async function inTurn<A, B>(
  rounds: number,
  ours: (round: number) => Promise<A>,
  theirs: (round: number) => Promise<B>,
): Promise<{ readonly ours: readonly A[]; readonly theirs: readonly B[] }> {
  const [a, b]: [A[], B[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    a.push(await ours(round));
    b.push(await theirs(round));
  }
  return { ours: a, theirs: b };
}
