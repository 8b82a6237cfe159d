/**
 * Keeps the actions that go on when their connection closes: how far they are, and how they ended, so that a page that is opened later
 * finds them again.
 */
import type { ActionsResponse, FetchReport } from "../api/action-schemas.ts";
import { type ActionEnd, ActionError, type ActionName, type KeptActions } from "../api/actions.ts";
import type { Clock } from "../lib/clock.ts";

/** Actions that run, or ended lately. */
const MAX_KEPT = 16;
/** Files of a report that are kept by name. */
const MAX_NAMED_FILES = 100;

type Entry = ActionsResponse["actions"][number];

/** Leaves out the longest lists, which a sentence about the report does not need. */
function brief(name: ActionName, result: unknown): unknown {
  if (typeof result !== "object" || result === null) return null;
  if (name === "clean") return { ...result, removed: [] };
  if (name === "drop") return { ...result, dropped: [] };
  if (name !== "fetch") return result;
  const { results } = result as FetchReport;
  const failed = results.filter(({ outcome }) => outcome === "absent" || outcome === "failed");
  return { ...result, results: failed.slice(0, MAX_NAMED_FILES) };
}

export function createKeptActions(clock: Pick<Clock, "now">): KeptActions {
  /** The oldest first. */
  const kept = new Map<string, { entry: Entry; readonly stop: (reason: Error) => void }>();
  const iso = () => new Date(clock.now()).toISOString();

  /** Forgets the oldest that has ended. @returns whether there is room for another */
  function makeRoom(): boolean {
    if (kept.size < MAX_KEPT) return true;
    for (const [id, { entry }] of kept) if (entry.ended_at !== null) return kept.delete(id);
    return false;
  }

  return {
    start(name, stop) {
      if (!makeRoom()) return undefined;
      const id = crypto.randomUUID();
      const started = { id, name, started_at: iso(), ended_at: null, progress: null, result: null, error: null };
      const one: { entry: Entry; readonly stop: (reason: Error) => void } = { entry: started, stop };
      kept.set(id, one);
      return {
        id,
        progress(progress) {
          one.entry = { ...one.entry, progress };
        },
        end(end: ActionEnd) {
          const result = end.kind === "result" ? brief(name, end.result) : null;
          one.entry = { ...one.entry, ended_at: iso(), result, error: end.kind === "error" ? end.detail : null };
        },
      };
    },
    list: () => [...kept.values()].map(({ entry }) => entry).toReversed(),
    stop(id) {
      const one = kept.get(id);
      if (!one || one.entry.ended_at !== null) return false;
      one.stop(new ActionError(409, "It was stopped."));
      return true;
    },
  };
}
