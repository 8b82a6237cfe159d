/**
 * Commands that have something done (an action) and tell how it went: bars while it goes on, a report at the end.
 */

import { ActionError, type ActionName, type Actions } from "../api/actions.ts";
import type { LoadedConfig } from "../config/load.ts";
import { openLog } from "../lib/log.ts";
import type { Resources } from "../server/resources.ts";
import { StoreLockedError } from "../store/lock.ts";
import type { Invocation } from "./args.ts";
import { InterruptedError, untilInterrupted } from "./interrupt.ts";
import { type Output, showsUnicode } from "./output.ts";
import { perform } from "./perform.ts";
import { createProgressView, NO_VIEW } from "./progress.ts";
import { ServerUnreachableError } from "./server-client.ts";

/** What a command asks for, and how its report is told. */
export interface Work<Name extends ActionName> {
  readonly action: Name;
  readonly request: Parameters<Actions[Name]>[0];
  /** For people. */
  render(report: Awaited<ReturnType<Actions[Name]>>, paint: Output["paint"]): string;
  exitCode(report: Awaited<ReturnType<Actions[Name]>>): number;
}

/** Settings that are the command's own business. */
const OWN = new Set(["storage.location", "log.level", "log.format"]);

const EXIT_FAILED = 1;
const EXIT_SIGINT = 130;

/** Whether the message says all there is to say. */
function isTold(error: unknown): error is Error {
  return error instanceof ActionError || error instanceof StoreLockedError || error instanceof ServerUnreachableError;
}

export interface WorkContext {
  readonly invocation: Invocation;
  readonly loaded: LoadedConfig;
  readonly resources: Resources;
  readonly output: Output;
}

/** @returns the exit code */
export async function runWork<Name extends ActionName>(
  work: Work<Name>,
  { invocation: { command, json, verbose, overrides }, loaded, resources, output }: WorkContext,
): Promise<number> {
  const { level, format } = loaded.config.log;
  // What the server would tell its admin is in nobody's way here, unless it was asked for.
  const log = await openLog(level === "info" && !verbose ? "warn" : level, format);
  const signal = untilInterrupted();
  const quiet = level === "warn" || level === "error";
  const view = quiet ? NO_VIEW : createProgressView(process.stderr, showsUnicode(resources.environment));
  try {
    const { report, by } = await perform(
      work.action,
      work.request,
      { onProgress: view.show, signal },
      {
        loaded,
        resources,
        log,
        command,
        onWait: (holder) => output.err(`portcache: waiting for ${holder} to let go of the store`),
      },
    );
    view.stop();
    const unheeded = overrides.filter(({ path }) => by === "server" && !OWN.has(path)).map(({ flag }) => flag);
    if (unheeded.length > 0) {
      output.err(
        `portcache: a server runs on this store, and its own configuration counts: ${unheeded.join(", ")} did not`,
      );
    }
    output.out(json ? JSON.stringify(report, null, 2) : work.render(report, output.paint));
    return work.exitCode(report);
  } catch (error) {
    view.stop();
    if (error instanceof InterruptedError) {
      output.err("portcache: interrupted");
      return EXIT_SIGINT;
    }
    if (!isTold(error)) throw error;
    output.err(`portcache: ${error.message}`);
    return EXIT_FAILED;
  }
}
