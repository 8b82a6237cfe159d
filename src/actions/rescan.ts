/**
 * Rescans the repositories now: what changed in them, or everything if `full`.
 */
import type { RescanReport, RescanRequest } from "../api/action-schemas.ts";
import { type Action, progressOf } from "../api/actions.ts";
import { abortable } from "../lib/abort.ts";
import type { RepositoryScans } from "../repos/repositories.ts";

export interface RescanDeps {
  readonly scans: Pick<RepositoryScans, "rescan" | "status">;
  readonly onRepositoriesChanged: () => void;
}

export function createRescan({ scans, onRepositoriesChanged }: RescanDeps): Action<RescanRequest, RescanReport> {
  return async ({ full }, { onProgress, signal }) => {
    const startedAt = performance.now();
    const total = scans.status().length;
    onProgress(progressOf("reading Manifests", { total }));
    await abortable(scans.rescan({ full }), signal);
    onRepositoriesChanged();
    const repositories = scans
      .status()
      .map(({ name, location, packages, distfiles, tookMs, unreadable, skipped, problem }) => ({
        name,
        location,
        packages,
        distfiles,
        duration_ms: tookMs,
        unreadable,
        skipped,
        problem: problem ?? null,
      }));
    return { duration_ms: Math.round(performance.now() - startedAt), full, repositories };
  };
}
