/**
 * Applies the clean-up policy now, or reports what it would remove.
 */
import type { CleanReport, CleanRequest } from "../api/action-schemas.ts";
import { type Action, progressOf } from "../api/actions.ts";
import type { CleanUpReport, Eviction } from "../eviction/evict.ts";

function usageOf({ usedBytes, volumes }: CleanUpReport["before"]): CleanReport["before"] {
  return { used_bytes: usedBytes, free_bytes: volumes[0]?.freeBytes ?? 0 };
}

export function createClean({
  eviction,
}: {
  readonly eviction: Pick<Eviction, "clean">;
}): Action<CleanRequest, CleanReport> {
  return async ({ dry_run: dryRun }, { onProgress, signal }) => {
    const startedAt = performance.now();
    let [done, bytes] = [0, 0];
    onProgress(progressOf("selecting files"));
    const report = await eviction.clean({
      dryRun,
      signal,
      onProgress({ size }) {
        done++;
        bytes += size;
        onProgress(progressOf(dryRun ? "selecting files" : "removing", { done, bytes }));
      },
    });
    const { total, byReason, removed, inUse, parts, before, after, over } = report;
    return {
      duration_ms: Math.round(performance.now() - startedAt),
      dry_run: dryRun,
      ...total,
      by_reason: byReason,
      removed: [...removed],
      in_use: inUse,
      part_files: parts,
      before: usageOf(before),
      after: usageOf(after),
      over_limit_bytes: over.bytes,
      over_limit_files: over.files,
    };
  };
}
