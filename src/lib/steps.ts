/**
 * Divides long work into steps, between which the event loop serves others.
 */

/** Work that yields between its steps, so that who runs it may serve others, or stop it. */
export type Steps<T> = Generator<undefined, T, undefined>;

const STEP_MS = 2;
/** A step that took longer waited for the processor. */
const MAX_REST_MS = 10;

/** How many times as long as a step the rest after it takes. */
const REST_TIMES = 2;

/**
 * Returns a function to await after each piece of work: when a step has taken its time it rests for twice as long, so that the work
 * never takes more than a third of the processor, and a small part of it where the event loop is busy.
 * @param signal its reason is thrown once it is aborted: nobody waits for the work any more
 */
export function createSteps(signal?: AbortSignal, stepMs = STEP_MS): () => Promise<void> {
  let startedAt = performance.now();
  return async () => {
    const tookMs = performance.now() - startedAt;
    if (tookMs < stepMs) return;
    await new Promise((resolve) => setTimeout(resolve, REST_TIMES * Math.min(tookMs, MAX_REST_MS)));
    signal?.throwIfAborted();
    startedAt = performance.now();
  };
}
