/**
 * Resolves or rejects as the promise does, or rejects with the signal's reason if that comes first.
 * @param onLate called with a value that comes after the abort, to give back what it stands for
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal, onLate?: (value: T) => void): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => {
    reject(signal.reason);
    if (onLate) void promise.then(onLate, () => undefined);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
