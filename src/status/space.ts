/**
 * Reports what is free on the store's file system (pure).
 */
import type { Status } from "../api/schemas.ts";
import { minFreeInodes } from "../eviction/policy.ts";
import type { Volume } from "../store/stages.ts";

export function spaceOf(
  { freeBytes, freeInodes, totalInodes }: Volume,
  minFree: number,
): Pick<Status["store"], "free_bytes" | "min_free_bytes" | "free_inodes" | "min_free_inodes"> {
  return {
    free_bytes: freeBytes,
    min_free_bytes: minFree,
    free_inodes: Number.isFinite(freeInodes) ? freeInodes : null,
    min_free_inodes: minFreeInodes(totalInodes),
  };
}
