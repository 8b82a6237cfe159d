/**
 * Waiting that a stop signal cuts short.
 */

/**
 * The promise's outcome, or the signal's reason as a rejection if that comes first.
 * @param onLate gets the value where it comes after all, to give back what it stands for
 */
export async function unlessStopped<T>(
  promise: Promise<T>,
  stop: AbortSignal,
  onLate?: (value: T) => void,
): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const onStop = () => {
    reject(stop.reason);
    if (onLate) void promise.then(onLate, () => undefined);
  };
  if (stop.aborted) onStop();
  stop.addEventListener("abort", onStop, { once: true });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    stop.removeEventListener("abort", onStop);
  }
}
