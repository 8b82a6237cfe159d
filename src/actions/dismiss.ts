/**
 * Takes failures that somebody has seen off the list. A file that fails again is listed again.
 */
import type { DismissReport, DismissRequest } from "../api/action-schemas.ts";
import type { Action } from "../api/actions.ts";
import type { FailureRows } from "../index/failures.ts";

export interface DismissDeps {
  readonly failures: Pick<FailureRows, "dismiss">;
}

export function createDismiss({ failures }: DismissDeps): Action<DismissRequest, DismissReport> {
  return async ({ files }) => ({ failures: failures.dismiss(files.length === 0 ? undefined : new Set(files)) });
}
