/**
 * Puts together what can be asked for beside files. One of a kind at a time: two that clean up would tell half of it each.
 */
import { type Action, ActionError, type Actions, type Run } from "../http/api/actions.ts";
import { createRescan } from "./action-rescan.ts";
import type { ComposedTrees } from "./compose-trees.ts";

export interface ActionParts {
  readonly trees: ComposedTrees["trees"];
  /** To be called when the trees may have changed. */
  readonly heedChanges: () => void;
}

export interface ComposedActions {
  readonly actions: Actions;
  /** Ends those under way, for this reason, and lets none begin. */
  stop(reason: string): void;
}

/** The same action, which ends at `stopping` too and refuses to run twice at once. */
function guarded<Request, Report>(
  name: string,
  action: Action<Request, Report>,
  stopping: AbortSignal,
): Action<Request, Report> {
  let running = false;
  return async (request, { onProgress, signal }: Run) => {
    if (running) throw new ActionError(409, `Cannot ${name}: that is under way already, somebody else asked for it`);
    running = true;
    try {
      stopping.throwIfAborted();
      return await action(request, { onProgress, signal: AbortSignal.any([signal, stopping]) });
    } finally {
      running = false;
    }
  };
}

export function composeActions(parts: ActionParts): ComposedActions {
  const stopping = new AbortController();
  return {
    actions: { rescan: guarded("rescan", createRescan(parts), stopping.signal) },
    stop(reason) {
      stopping.abort(new ActionError(503, reason));
    },
  };
}
