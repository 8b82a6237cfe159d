/**
 * Reports what is free on the store's file system (pure).
 */
import type { Status } from "../api/schemas.ts";
import { minFreeInodes } from "../eviction/policy.ts";
import type { Volume } from "../store/partial-folders.ts";

/** @param volumes that of distfiles first */
export function spaceOf(
  [main]: readonly Volume[],
  minFree: number,
): Pick<Status["store"], "free_bytes" | "min_free_bytes" | "free_inodes" | "min_free_inodes"> {
  const free = main?.freeInodes ?? Number.POSITIVE_INFINITY;
  return {
    free_bytes: main?.freeBytes ?? 0,
    min_free_bytes: minFree,
    free_inodes: Number.isFinite(free) ? free : null,
    min_free_inodes: main ? minFreeInodes(main.totalInodes) : 0,
  };
}
