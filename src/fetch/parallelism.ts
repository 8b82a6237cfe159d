/**
 * When other sources join the one that began, and whether they stay: it shows its speed alone first, and all together have to
 * be faster than that.
 */
import type { Clock } from "../lib/clock.ts";
import { isLong, type Line } from "./line.ts";
import type { Meter } from "./meter.ts";

/** "join": others may begin; "stay": who is there goes on; "part": the fastest goes on alone. */
export type Advice = "join" | "stay" | "part";

export interface Joining {
  /** Asked often. @param meters of the sources at work; the first one's alone where others have not joined yet */
  look(leftBytes: number, meters: readonly Meter[]): Advice;
  /** Others have begun. */
  joined(): void;
  /** Whether it has been seen what they can do. */
  readonly settled: boolean;
  /** Whether others have begun at all. */
  readonly shared: boolean;
}

/** One source alone has so long to show its speed, all together so long. */
const ALONE_MS = 300;
const TOGETHER_MS = 1_500;

export function createJoining(line: Line, clock: Clock): Joining {
  let aloneRate = 0;
  let joinedAt: number | undefined;
  let settled = false;

  function lookAlone(leftBytes: number, first: Meter | undefined): Advice {
    const rate = first?.bytesPerSecond;
    if (rate === undefined || (first?.ageMs ?? 0) < ALONE_MS) return "stay";
    if (!isLong(leftBytes, rate) || !line.mayHelp(rate)) return "stay";
    aloneRate = rate;
    return "join";
  }

  return {
    look(leftBytes, meters) {
      if (joinedAt === undefined) return lookAlone(leftBytes, meters[0]);
      if (settled || clock.now() - joinedAt < TOGETHER_MS) return "stay";
      settled = true;
      const together = meters.reduce((sum, { bytesPerSecond = 0 }) => sum + bytesPerSecond, 0);
      return meters.length < 2 || line.judge(aloneRate, together) ? "stay" : "part";
    },
    joined() {
      joinedAt = clock.now();
    },
    get settled() {
      return settled;
    },
    get shared() {
      return joinedAt !== undefined;
    },
  };
}
