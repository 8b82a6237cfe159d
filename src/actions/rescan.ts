/**
 * `rescan`: reads now what changed in the trees, or with `full` all of them.
 */
import type { RescanReport, RescanRequest } from "../api/action-schemas.ts";
import { type Action, progressOf } from "../api/actions.ts";
import type { RepositoryScans } from "../repos/repositories.ts";

export interface RescanParts {
  readonly scans: Pick<RepositoryScans, "rescan" | "status">;
  readonly onRepositoriesChanged: () => void;
}

/** The promise, unless the signal fires first. @throws its reason */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export function createRescan({ scans, onRepositoriesChanged }: RescanParts): Action<RescanRequest, RescanReport> {
  return async ({ full }, { onProgress, signal }) => {
    const startedAt = performance.now();
    const total = scans.status().length;
    onProgress(progressOf("reading Manifests", { total }));
    await unlessAborted(scans.rescan({ full }), signal);
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
