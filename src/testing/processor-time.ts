/**
 * Measures the processor time of this process in milliseconds: other processes do not lengthen it, as they do time on the clock.
 */

/** Starts to measure; the returned function tells the time since. */
export function startProcessorTime(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
