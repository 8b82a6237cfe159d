/**
 * What can be asked of a portcache beside files: the same for the commands, which may do it in their own process, and for
 * POST /api/v1/ACTION. Each tells how far it is, stops at the signal, and gives a report.
 */
import type { Progress, RescanReport, RescanRequest } from "./action-schemas.ts";

/** One run of an action. */
export interface Run {
  /** Called as often as there is news; whoever shows it takes what he has time for. */
  readonly onProgress: (progress: Progress) => void;
  /** The reason is an Error that says why. */
  readonly signal: AbortSignal;
}

/** @throws {ActionError} where it can't be done as asked */
export type Action<Request, Report> = (request: Request, run: Run) => Promise<Report>;

export interface Actions {
  readonly rescan: Action<RescanRequest, RescanReport>;
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
