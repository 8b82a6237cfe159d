/**
 * Verifies the whole store, and repairs bad files if asked to.
 */
import type { VerifyReport, VerifyRequest } from "../api/action-schemas.ts";
import { type Action, progressOf } from "../api/actions.ts";
import type { Verify } from "./verify-files.ts";

export function createVerifyAction({
  verify,
}: {
  readonly verify: Pick<Verify, "all">;
}): Action<VerifyRequest, VerifyReport> {
  return async ({ repair, bytes_per_second: bytesPerSecond }, { onProgress, signal }) => {
    const startedAt = performance.now();
    const { bad, ...counts } = await verify.all({
      repair,
      bytesPerSecond,
      signal,
      onProgress({ files, totalFiles, bytes, totalBytes, bad }) {
        const step = bad === 0 ? "verifying" : `verifying, ${bad} bad`;
        onProgress(progressOf(step, { done: files, total: totalFiles, bytes, total_bytes: totalBytes }));
      },
    });
    return {
      duration_ms: Math.round(performance.now() - startedAt),
      repair,
      ...counts,
      bad: bad.map(({ name, size, problem, outcome }) => ({ name, size, problem, outcome })),
    };
  };
}
