/**
 * Puts together what can be asked for beside files. One of a kind at a time: two that clean up would tell half of it each.
 */
import type { Verify } from "../cache/verify.ts";
import type { Evict } from "../eviction/evict.ts";
import { type Action, ActionError, type Actions, type Run } from "../http/api/actions.ts";
import { createClean } from "./action-clean.ts";
import { createDrop } from "./action-drop.ts";
import { createImport, type ImportParts } from "./action-import.ts";
import { createRescan } from "./action-rescan.ts";
import { createVerifyAction } from "./action-verify.ts";
import type { ComposedTrees } from "./compose-trees.ts";

export interface ActionParts extends Omit<ImportParts, "treesReady" | "room"> {
  readonly evict: Evict;
  readonly verify: Verify;
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
    actions: {
      clean: guarded("clean", createClean(parts), stopping.signal),
      verify: guarded("verify", createVerifyAction(parts), stopping.signal),
      drop: guarded("drop", createDrop(parts), stopping.signal),
      rescan: guarded("rescan", createRescan(parts), stopping.signal),
      import: guarded(
        "import",
        createImport({ ...parts, room: parts.evict.room, treesReady: () => parts.trees.ready }),
        stopping.signal,
      ),
    },
    stop(reason) {
      stopping.abort(new ActionError(503, reason));
    },
  };
}
