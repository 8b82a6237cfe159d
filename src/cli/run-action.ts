/**
 * Runs an action for a command: in the server that holds the store, or, where none runs, in this process. Shows progress
 * meanwhile and prints the report.
 */
import { writeSync } from "node:fs";
import type * as v from "valibot";
import * as schemas from "../api/action-schemas.ts";
import {
  ActionError,
  type ActionName,
  type ActionOptions,
  type ActionReports,
  type ActionRequests,
  progressOf,
} from "../api/actions.ts";
import type { LoadedConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { writesToJournal } from "../lib/journal.ts";
import { type Logger, openLog } from "../lib/log.ts";
import { withLocalServer } from "../server/local-server.ts";
import type { Resources } from "../server/resources.ts";
import { StoreLockedError } from "../store/lock.ts";
import { NoStoreError } from "../store/require-store.ts";
import type { Invocation } from "./args.ts";
import { EXIT_FAILED, EXIT_INTERRUPTED, InterruptedError, untilInterrupted } from "./exit.ts";
import { type Output, showsUnicode } from "./output.ts";
import { createProgressView, NO_VIEW } from "./progress.ts";
import { requestAction, ServerUnreachableError } from "./server-client.ts";

const REPORT_SCHEMAS: { readonly [Name in ActionName]: v.GenericSchema<unknown, ActionReports[Name]> } = {
  clean: schemas.CleanReportSchema,
  rescan: schemas.RescanReportSchema,
  fetch: schemas.FetchReportSchema,
  verify: schemas.VerifyReportSchema,
  drop: schemas.DropReportSchema,
  dismiss: schemas.DismissReportSchema,
  stop: schemas.StopReportSchema,
  import: schemas.ImportReportSchema,
};

/** An action as a command asks for it, and how the command presents its report. */
export interface ActionCommand<Name extends ActionName> {
  readonly action: Name;
  readonly request: ActionRequests[Name];
  /** Requests to be made after it, where one would be longer than a server accepts. */
  readonly more?: readonly ActionRequests[Name][];
  /** Joins the reports of two requests. */
  merge?(first: ActionReports[Name], second: ActionReports[Name]): ActionReports[Name];
  /** Makes sure that it can work, before a store is made for it. @throws {ActionError} */
  check?(): void;
  /** The report for people. */
  render(report: ActionReports[Name], paint: Output["paint"]): string;
  exitCode(report: ActionReports[Name]): number;
}

export interface ActionContext {
  readonly invocation: Invocation;
  readonly loaded: LoadedConfig;
  readonly resources: Resources;
  readonly output: Output;
}

interface Completed<Name extends ActionName> {
  readonly report: ActionReports[Name];
  /** Whose configuration was in force. */
  readonly by: "server" | "this process";
}

/** A server that is starting answers within this time, and most commands are done; after it the holder is reported. */
const WAIT_MS = 30_000;
const RETRY_EVERY_MS = 250;

/** Overrides that the command itself uses, no matter which process runs the action. */
const USED_BY_COMMAND = new Set(["storage.location", "log.level", "log.format"]);

/**
 * @throws {ActionError} when the action refuses
 * @throws {StoreLockedError} when another process holds the store for too long
 * @throws {ServerUnreachableError} when a server runs but cannot be asked
 */
async function runSomewhere<Name extends ActionName>(
  { action, request, check }: ActionCommand<Name>,
  options: ActionOptions,
  { invocation, loaded, resources, output }: ActionContext,
  log: Logger,
): Promise<Completed<Name>> {
  const { location } = loaded.config.storage;
  const startedAt = performance.now();
  for (let waiting = false; ; waiting = true) {
    const response = await requestAction(location, action, request, REPORT_SCHEMAS[action], options);
    if (response !== "no server") return { report: response.report, by: "server" };
    check?.();
    options.onProgress(progressOf("reading repositories"));
    try {
      const report = await withLocalServer(loaded, resources, invocation.command, log, (actions) =>
        actions[action](request, options),
      );
      return { report, by: "this process" };
    } catch (error) {
      if (!(error instanceof StoreLockedError) || performance.now() - startedAt > WAIT_MS) throw error;
      if (!waiting) output.err(`portcache: waiting for ${error.holder} to release the store`);
    }
    await systemClock.sleep(RETRY_EVERY_MS, options.signal);
  }
}

/** Runs the action for each of the command's requests, one after the other. */
async function runAll<Name extends ActionName>(
  command: ActionCommand<Name>,
  options: ActionOptions,
  context: ActionContext,
  log: Logger,
): Promise<Completed<Name>> {
  let completed = await runSomewhere(command, options, context, log);
  for (const request of command.more ?? []) {
    const { report, by } = await runSomewhere({ ...command, request }, options, context, log);
    completed = { report: command.merge?.(completed.report, report) ?? report, by };
  }
  return completed;
}

/** Returns whether the message says everything the user needs. */
function isExpected(error: unknown): error is Error {
  return [ActionError, NoStoreError, StoreLockedError, ServerUnreachableError].some((kind) => error instanceof kind);
}

/** @returns the exit code */
export async function runAction<Name extends ActionName>(
  command: ActionCommand<Name>,
  context: ActionContext,
): Promise<number> {
  const { invocation, loaded, resources, output } = context;
  const { json, verbose, overrides } = invocation;
  const { level, format } = loaded.config.log;
  const signal = untilInterrupted();
  const quiet = level === "warn" || level === "error";
  const view = quiet ? NO_VIEW : createProgressView(process.stderr, showsUnicode(resources.environment));
  // "info" is for the admin of a server.
  const log = await openLog(level === "info" && !verbose ? "warn" : level, format, {
    write(fd, bytes) {
      view.clear();
      return writeSync(fd, bytes);
    },
    toJournal: writesToJournal(resources.environment, process.stderr.fd),
  });
  try {
    const { report, by } = await runAll(command, { onProgress: view.show, signal }, context, log);
    view.clear();
    const ignored = overrides.filter(({ path }) => by === "server" && !USED_BY_COMMAND.has(path));
    if (ignored.length > 0) {
      const flags = ignored.map(({ flag }) => flag).join(", ");
      output.err(`portcache: no effect, as the running server uses its own configuration: ${flags}`);
    }
    const exitCode = command.exitCode(report);
    if (json) output.out(JSON.stringify(report, null, 2));
    // Scripts want to hear of what is wrong alone.
    else if (!invocation.quiet || exitCode !== 0) output.out(command.render(report, output.paint));
    return exitCode;
  } catch (error) {
    view.clear();
    if (error instanceof InterruptedError) {
      output.err("portcache: interrupted");
      return EXIT_INTERRUPTED;
    }
    if (!isExpected(error)) throw error;
    output.err(`portcache: ${error.message}`);
    return EXIT_FAILED;
  }
}
