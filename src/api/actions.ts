/**
 * What can be asked of a portcache beside files: the same for the commands, which may do it in their own process, and for
 * POST /api/v1/ACTION. Each tells how far it is, stops at the signal, and gives a report.
 */
import type * as schemas from "./action-schemas.ts";

/** One run of an action. */
export interface Run {
  /** Called as often as there is news; whoever shows it takes what he has time for. */
  readonly onProgress: (progress: schemas.Progress) => void;
  /** The reason is an Error that says why. */
  readonly signal: AbortSignal;
}

/** @throws {ActionError} where it can't be done as asked */
export type Action<Request, Report> = (request: Request, run: Run) => Promise<Report>;

export interface Actions {
  readonly clean: Action<schemas.CleanRequest, schemas.CleanReport>;
  readonly rescan: Action<schemas.RescanRequest, schemas.RescanReport>;
  readonly fetch: Action<schemas.FetchRequest, schemas.FetchReport>;
  readonly verify: Action<schemas.VerifyRequest, schemas.VerifyReport>;
  readonly drop: Action<schemas.DropRequest, schemas.DropReport>;
  /** Reads a folder of this machine, so it is taken by the socket alone. */
  readonly import: Action<schemas.ImportRequest, schemas.ImportReport>;
}

/** News without figures but those given. */
export function progressOf(
  doing: string,
  figures: Partial<Omit<schemas.Progress, "kind" | "doing">> = {},
): schemas.Progress {
  return { kind: "progress", doing, done: 0, total: null, bytes: 0, total_bytes: null, active: [], ...figures };
}

export type ActionName = keyof Actions;

/** What was asked for can't be done, for a reason that whoever asked can do something about. */
export class ActionError extends Error {
  /** As in HTTP. */
  readonly status: 404 | 409 | 422 | 503;

  constructor(status: ActionError["status"], message: string) {
    super(message);
    this.name = "ActionError";
    this.status = status;
  }
}
