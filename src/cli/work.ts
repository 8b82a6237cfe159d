/**
 * Commands that have something done (an action) and tell how it went: bars while it goes on, a report at the end.
 */
import type { LoadedConfig } from "../config/load.ts";
import { ActionError, type ActionName, type Actions } from "../http/api/actions.ts";
import { openLog } from "../lib/log.ts";
import { StoreLockedError } from "../store/lock.ts";
import type { Invocation } from "./args.ts";
import { ServerUnreachableError } from "./ask-server.ts";
import type { Output } from "./output.ts";
import { perform } from "./perform.ts";
import { createProgressView } from "./progress.ts";
import type { Resources } from "./resources.ts";

/** What a command asks for, and how its report is told. */
export interface Work<Name extends ActionName> {
  readonly action: Name;
  readonly request: Parameters<Actions[Name]>[0];
  /** For people. */
  render(report: Awaited<ReturnType<Actions[Name]>>, paint: Output["paint"]): string;
  exitCode(report: Awaited<ReturnType<Actions[Name]>>): number;
}

const EXIT_FAILED = 1;
const EXIT_SIGINT = 130;

/** Fires at the first SIGINT or SIGTERM; a second one ends the process at once. */
function untilInterrupted(): AbortSignal {
  const stopping = new AbortController();
  const onSignal = () => {
    if (stopping.signal.aborted) process.exit(EXIT_SIGINT);
    stopping.abort(new InterruptedError("interrupted"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stopping.signal;
}

class InterruptedError extends Error {}

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
  { invocation: { json, verbose }, loaded, resources, output }: WorkContext,
): Promise<number> {
  const { level, format } = loaded.config.log;
  // What the server would tell its admin is in nobody's way here, unless it was asked for.
  const log = await openLog(level === "info" && !verbose ? "warn" : level, format);
  const signal = untilInterrupted();
  const view = createProgressView(process.stderr, level === "warn" || level === "error");
  try {
    const report = await perform(
      work.action,
      work.request,
      { onProgress: view.show, signal },
      {
        loaded,
        resources,
        log,
        onWait: (holder) => output.err(`portcache: waiting for ${holder} to let go of the store`),
      },
    );
    view.stop();
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
