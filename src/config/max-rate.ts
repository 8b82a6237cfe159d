/**
 * Decides whether the limit on all downloads together holds at a time (pure).
 */
import { includesTime } from "../lib/day-hours.ts";
import type { Config } from "./schema.ts";

/** Returns the limit in bytes a second; undefined where none holds at that time. */
export function maxRateAt(
  fetcher: Pick<Config["fetcher"], "max_rate" | "max_rate_hours">,
  at: Date,
): number | undefined {
  const { max_rate, max_rate_hours } = fetcher;
  if (max_rate === 0 || (max_rate_hours && !includesTime(max_rate_hours, at))) return undefined;
  return max_rate;
}
