/**
 * Rescans the repositories now: what changed in them, or everything if `full`.
 */
import type { RescanReport, RescanRequest } from "../api/action-schemas.ts";
import { type Action, progressOf } from "../api/actions.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import type { RepositoryScans } from "../repos/repositories.ts";

export interface RescanDeps {
  readonly scans: Pick<RepositoryScans, "rescan" | "status">;
  readonly onRepositoriesChanged: () => void;
  readonly clock: Clock;
}

const PROGRESS_EVERY_MS = 200;

export function createRescan({ scans, onRepositoriesChanged, clock }: RescanDeps): Action<RescanRequest, RescanReport> {
  return async ({ full }, { onProgress, signal }) => {
    const startedAt = performance.now();
    const begunAt = clock.now();
    const report = () => {
      const all = scans.status();
      // By the packages of the last scan, as repositories differ in size by a thousand times.
      const [done, total] = all.reduce(
        ([sumDone, sum], { packages, reading, scannedAt = 0 }) => {
          const own = Math.max(1, packages);
          return [sumDone + Math.min(own, scannedAt >= begunAt ? own : (reading ?? 0)), sum + own];
        },
        [0, 0],
      );
      onProgress(progressOf("reading Manifests", { done, total }));
    };
    report();
    const timer = setInterval(report, PROGRESS_EVERY_MS);
    try {
      await abortable(scans.rescan({ full }), signal);
    } finally {
      clearInterval(timer);
    }
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
