/**
 * Divides long work into steps, between which the event loop serves others.
 */

/** Work that yields between its steps, so that who runs it may serve others, or stop it. */
export type Steps<T> = Generator<undefined, T, undefined>;

const STEP_MS = 5;

/** Returns a function to await after each piece of work: it yields to the event loop when a step has taken its time. */
export function createSteps(stepMs = STEP_MS): () => Promise<void> {
  let startedAt = performance.now();
  return async () => {
    if (performance.now() - startedAt < stepMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    startedAt = performance.now();
  };
}
