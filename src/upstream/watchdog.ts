/**
 * Whether an upstream still delivers: no byte, or a trickle under 1 KiB/s, over the stall time means that it does not.
 */
import { createWindow, type Window } from "./stall-watchdog.ts";

/** Below this a client's own time-outs would be reached sooner than the file's end. */
const MIN_BYTES_PER_SECOND = 1024;
/** The window slides in so many steps. */
const STEPS = 4;

/** Calls `onStall` once when too little came in `stallMs`. */
export function createWatchdog(stallMs: number, onStall: () => void): Window {
  const needed = (MIN_BYTES_PER_SECOND * stallMs) / 1000;
  return createWindow(stallMs / STEPS, STEPS, (bytes) => {
    if (bytes >= needed) return false;
    onStall();
    return true;
  });
}
