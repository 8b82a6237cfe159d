/**
 * `verify`: reads the whole store again, and with `repair` mends what is bad.
 */
import type { Verify } from "../cache/verify.ts";
import type { VerifyReport, VerifyRequest } from "../http/api/action-schemas.ts";
import { type Action, progressOf } from "../http/api/actions.ts";

export function createVerifyAction({ verify }: { readonly verify: Verify }): Action<VerifyRequest, VerifyReport> {
  return async ({ repair, bytes_per_second: bytesPerSecond }, { onProgress, signal }) => {
    const startedAt = performance.now();
    const { bad, ...counts } = await verify.all({
      repair,
      bytesPerSecond,
      signal,
      onProgress({ files, totalFiles, bytes, totalBytes, bad: found }) {
        const doing = found === 0 ? "verifying" : `verifying, ${found} bad`;
        onProgress(progressOf(doing, { done: files, total: totalFiles, bytes, total_bytes: totalBytes }));
      },
    });
    const told = bad.map(({ name, size, problem, outcome }) => ({ name, size, problem, outcome }));
    return { took_ms: Math.round(performance.now() - startedAt), repair, ...counts, bad: told };
  };
}
