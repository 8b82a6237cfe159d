/**
 * `verify`: reads the whole store again, and with `repair` mends what is bad.
 */

import type { VerifyReport, VerifyRequest } from "../api/action-schemas.ts";
import { type Action, progressOf } from "../api/actions.ts";
import type { Verify } from "./verify-distfiles.ts";
import type { VerifyOthers } from "./verify-mirror-files.ts";

export interface VerifyParts {
  readonly verify: Verify;
  readonly verifyOthers: VerifyOthers;
}

export function createVerifyAction({ verify, verifyOthers }: VerifyParts): Action<VerifyRequest, VerifyReport> {
  return async ({ repair, bytes_per_second: bytesPerSecond }, { onProgress, signal }) => {
    const startedAt = performance.now();
    const { totals } = verifyOthers;

    function tell(done: number, total: number, bytes: number, totalBytes: number, found: number): void {
      const step = found === 0 ? "verifying" : `verifying, ${found} bad`;
      onProgress(progressOf(step, { done, total, bytes, total_bytes: totalBytes }));
    }

    const first = await verify.all({
      repair,
      bytesPerSecond,
      signal,
      onProgress: ({ files, totalFiles, bytes, totalBytes, bad }) =>
        tell(files, totalFiles + totals.files, bytes, totalBytes + totals.bytes, bad),
    });
    const second = await verifyOthers.all({
      repair,
      bytesPerSecond,
      signal,
      onProgress({ files, bytes, bad }) {
        const [all, allBytes] = [first.files + totals.files, first.bytes + totals.bytes];
        tell(first.files + files, all, first.bytes + bytes, allBytes, first.bad.length + bad);
      },
    });
    const told = [...first.bad, ...second.bad];
    return {
      duration_ms: Math.round(performance.now() - startedAt),
      repair,
      files: first.files + second.files,
      bytes: first.bytes + second.bytes,
      stale: first.stale,
      unverified: first.unverified + second.unverified,
      missing: first.missing + second.missing,
      bad: told.map(({ name, size, problem, outcome }) => ({ name, size, problem, outcome })),
    };
  };
}
