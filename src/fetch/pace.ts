/**
 * Whether a transfer is worth staying with: one that trickles, or has gone silent, is left when others have shown that they
 * would bring the rest in a fraction of the time. Where nothing is known of others only the watchdog ends it.
 */
import { SourceError } from "../distfile/errors.ts";
import { createWindow, type Window } from "./window.ts";

const STEP_MS = 1_000;
const STEPS = 3;
/** Going elsewhere has its price, and what others have shown is no promise. */
const TIMES_SLOWER = 3;
const SPARED_MS = 3_000;

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
export function isWorthLeaving(bytesPerSecond: number, leftBytes: number, elsewhereMs: number): boolean {
  return (1000 * leftBytes) / bytesPerSecond > TIMES_SLOWER * elsewhereMs + SPARED_MS;
}

/** @param isTooSlow asked every second for the last three; where it says so, `onSlow` is called once */
export function createPace(
  isTooSlow: (bytesPerSecond: number) => boolean,
  onSlow: (error: SourceError) => void,
): Window {
  return createWindow(STEP_MS, STEPS, (bytes) => {
    const bytesPerSecond = (1000 * bytes) / (STEPS * STEP_MS);
    if (!isTooSlow(bytesPerSecond)) return false;
    onSlow(new SlowSourceError(bytesPerSecond));
    return true;
  });
}
