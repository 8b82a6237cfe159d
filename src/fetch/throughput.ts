/**
 * Whether a transfer is worth staying with: one that trickles, or has gone silent, is left when others have shown that they
 * would bring the rest in a fraction of the time. Where nothing is known of others only the watchdog ends it.
 */
import { SourceError } from "../distfile/errors.ts";
import { createWindow, type Window } from "../upstream/stall-watchdog.ts";

const STEPS = 3;
/** Going elsewhere has its price, and what others have shown is no promise. */
const TIMES_SLOWER = 3;

/** How soon a source is judged, and how long it may take beyond a multiple of what others need. */
export interface Patience {
  readonly stepMs: number;
  readonly sparedMs: number;
}

/** Clients have what came so far, and may wait a little for more. */
export const FLOWING: Patience = { stepMs: 1_000, sparedMs: 3_000 };
/** Clients have nothing before all of it is here. */
export const HELD: Patience = { stepMs: 300, sparedMs: 700 };

/** The source still sends, or may, but too little for what others can. */
export class SlowSourceError extends SourceError {
  /** Not a byte came. */
  readonly silent: boolean;

  constructor(bytesPerSecond: number) {
    super("timeout", `sends ${Math.round(bytesPerSecond)} bytes/s, others can send more`);
    this.name = "SlowSourceError";
    this.silent = bytesPerSecond === 0;
  }
}

/** @param elsewhereMs what the rest would take at the best of the others */
export function isWorthLeaving(
  bytesPerSecond: number,
  leftBytes: number,
  elsewhereMs: number,
  { sparedMs }: Patience,
): boolean {
  return (1000 * leftBytes) / bytesPerSecond > TIMES_SLOWER * elsewhereMs + sparedMs;
}

/** @param isTooSlow asked after each step for the last three; where it says so, `onSlow` is called once */
export function createPace(
  isTooSlow: (bytesPerSecond: number) => boolean,
  onSlow: (error: SourceError) => void,
  { stepMs }: Patience,
): Window {
  return createWindow(stepMs, STEPS, (bytes) => {
    const bytesPerSecond = (1000 * bytes) / (STEPS * stepMs);
    if (!isTooSlow(bytesPerSecond)) return false;
    onSlow(new SlowSourceError(bytesPerSecond));
    return true;
  });
}
