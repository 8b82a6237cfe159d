/**
 * Declares the actions that commands run in their own process and POST /api/v1/ACTION in the server. Each action reports
 * progress, stops when its signal aborts, and returns a report.
 */
import type { DistfileName } from "../distfile/name.ts";
import type * as schemas from "./action-schemas.ts";

export interface ActionOptions {
  /** May be called far more often than a person can read: the receiver drops what it does not show. */
  readonly onProgress: (progress: schemas.Progress) => void;
  /** Its reason is an Error with a message for the user. */
  readonly signal: AbortSignal;
}

/** @throws {ActionError} if the request cannot be carried out */
export type Action<Request, Report> = (request: Request, options: ActionOptions) => Promise<Report>;

export interface ActionRequests {
  readonly clean: schemas.CleanRequest;
  readonly rescan: schemas.RescanRequest;
  readonly fetch: schemas.FetchRequest;
  readonly verify: schemas.VerifyRequest;
  readonly drop: schemas.DropRequest;
  readonly dismiss: schemas.DismissRequest;
  readonly stop: schemas.StopRequest;
  /** Reads a folder of this machine, so the server accepts it over its Unix socket only. */
  readonly import: schemas.ImportRequest;
}

export interface ActionReports {
  readonly clean: schemas.CleanReport;
  readonly rescan: schemas.RescanReport;
  readonly fetch: schemas.FetchReport;
  readonly verify: schemas.VerifyReport;
  readonly drop: schemas.DropReport;
  readonly dismiss: schemas.DismissReport;
  readonly stop: schemas.StopReport;
  readonly import: schemas.ImportReport;
}

/** A line of the response to an action that reports its progress. */
export type ActionLine<Report> =
  | schemas.Progress
  | { readonly kind: "alive" }
  /** The action goes on when the connection closes; GET /actions has it by this id. */
  | { readonly kind: "kept"; readonly id: string }
  | { readonly kind: "result"; readonly result: Report }
  | { readonly kind: "error"; readonly status: number; readonly detail: string };

export type ActionName = keyof ActionRequests;

export type Actions = { readonly [Name in ActionName]: Action<ActionRequests[Name], ActionReports[Name]> };

/** Makes a progress report in which every figure not given is 0 or unknown. */
export function progressOf(
  step: string,
  figures: Partial<Omit<schemas.Progress, "kind" | "step">> = {},
): schemas.Progress {
  return { kind: "progress", step, done: 0, total: null, bytes: 0, total_bytes: null, active: [], ...figures };
}

/** A file that a person sends. */
export interface UploadedFile {
  readonly name: DistfileName;
  /** As announced. */
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Stores a file that a Manifest confirms. @throws {ActionError} where it is not stored, and why */
export type Upload = (file: UploadedFile, signal: AbortSignal) => Promise<schemas.UploadReport>;

/** How an action ended, as its last line says it. */
export type ActionEnd = Extract<ActionLine<unknown>, { readonly kind: "result" | "error" }>;

/** An action that goes on when its connection closes. */
export interface KeptAction {
  readonly id: string;
  progress(progress: schemas.Progress): void;
  end(end: ActionEnd): void;
}

/** Actions that go on when their connection closes, running or ended lately. */
export interface KeptActions {
  /** @returns undefined if too many run already */
  start(name: ActionName, stop: (reason: Error) => void): KeptAction | undefined;
  /** The newest first. */
  list(): schemas.ActionsResponse["actions"];
  /** @returns whether it was running */
  stop(id: string): boolean;
}

/** An action cannot be carried out, for a reason that the caller can do something about. */
export class ActionError extends Error {
  /** The HTTP status. */
  readonly status: 400 | 404 | 409 | 422 | 503 | 507;

  constructor(status: ActionError["status"], message: string) {
    super(message);
    this.name = "ActionError";
    this.status = status;
  }
}
