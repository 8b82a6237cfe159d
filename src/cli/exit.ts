/**
 * Ends commands: their exit codes, and the signal that interrupts them.
 */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** The user pressed Ctrl-C, or the command was terminated. */
export class InterruptedError extends Error {}

/** Fires with an InterruptedError at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilInterrupted(): AbortSignal {
  const stopping = new AbortController();
  const onSignal = () => {
    if (stopping.signal.aborted) process.exit(EXIT_INTERRUPTED);
    stopping.abort(new InterruptedError("interrupted"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stopping.signal;
}
