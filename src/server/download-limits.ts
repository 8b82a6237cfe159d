/**
 * Maps the configuration to the limits of downloads, which are read at each use, so that a reload takes effect.
 */
import { maxRateAt } from "../config/max-rate.ts";
import type { Config } from "../config/schema.ts";
import { createLineCapacity } from "../fetch/parallelism.ts";
import { createRateLimit, type RateLimit } from "../fetch/rate-limit.ts";
import type { SegmentLimits } from "../fetch/segments.ts";
import type { Clock } from "../lib/clock.ts";

export interface DownloadLimits {
  /** Returns how many bytes all downloads together may receive in a second; undefined for no limit. */
  readonly maxRate: () => number | undefined;
  readonly rateLimit: RateLimit;
  /** How many sources one file may come from. */
  readonly limits: SegmentLimits;
}

export function downloadLimits({ fetcher }: Pick<Config, "fetcher">, clock: Clock): DownloadLimits {
  const maxRate = () => maxRateAt(fetcher, new Date(clock.now()));
  return {
    maxRate,
    rateLimit: createRateLimit(maxRate, clock),
    limits: {
      get connections() {
        return fetcher.connections_per_file;
      },
      lineCapacity: createLineCapacity(clock, maxRate),
    },
  };
}
