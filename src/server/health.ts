/**
 * Says whether the server answers, and what it cannot do now, for /healthz and the dashboard.
 */

export interface ServerHealth {
  /** Returns why no requests are to be sent here; undefined where they may. */
  unavailableReason(): string | undefined;
  /** Returns all that is wrong, a sentence part; undefined where nothing is. */
  degradedReason(): string | undefined;
  /** From now on the server is shutting down. */
  drain(): void;
}

export interface HealthDeps {
  /** Each returns a sentence part; undefined where it is well. */
  readonly storeReason: () => string | undefined;
  readonly unverifiedReason: () => string | undefined;
  readonly indexReason: () => string | undefined;
}

function prefixed(prefix: string, reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : `${prefix}: ${reason}`;
}

export function createHealth({ storeReason, unverifiedReason, indexReason }: HealthDeps): ServerHealth {
  let draining = false;
  return {
    unavailableReason: () => (draining ? "shutting down" : undefined),
    degradedReason() {
      const reasons = [
        storeReason(),
        prefixed("nothing is verified", unverifiedReason()),
        prefixed("the index takes no notes", indexReason()),
      ];
      return reasons.filter((reason) => reason !== undefined).join("; ") || undefined;
    },
    drain() {
      draining = true;
    },
  };
}
