/**
 * A command that is told to stop.
 */
export class InterruptedError extends Error {}

const EXIT_SIGINT = 130;

/** Fires with an InterruptedError at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilInterrupted(): AbortSignal {
  const stopping = new AbortController();
  const onSignal = () => {
    if (stopping.signal.aborted) process.exit(EXIT_SIGINT);
    stopping.abort(new InterruptedError("interrupted"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stopping.signal;
}
