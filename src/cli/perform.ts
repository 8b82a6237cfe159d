/**
 * Has an action done for a command: by the server that holds the store, or where none runs in this process.
 */

import type { ActionName, Actions, Run } from "../api/actions.ts";
import type { LoadedConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { withOwnStore } from "../server/local-server.ts";
import type { Resources } from "../server/resources.ts";
import { StoreLockedError } from "../store/lock.ts";
import { askServer } from "./server-client.ts";

type RequestOf<Name extends ActionName> = Parameters<Actions[Name]>[0];
type ReportOf<Name extends ActionName> = Awaited<ReturnType<Actions[Name]>>;

export interface Performed<Name extends ActionName> {
  readonly report: ReportOf<Name>;
  /** Whose configuration counted. */
  readonly by: "server" | "this process";
}

export interface PerformDeps {
  readonly loaded: LoadedConfig;
  readonly resources: Resources;
  readonly log: Logger;
  /** As the user has it: told to whoever wants the store meanwhile. */
  readonly command: string;
  /** Told whom it waits for. */
  readonly onWait: (holder: string) => void;
}

/** A server that starts answers within this, and another command is done, or the user is told who is in the way. */
const WAIT_MS = 30_000;
const ASK_EVERY_MS = 250;

/**
 * @throws {ActionError} where it can't be done as asked
 * @throws {StoreLockedError} where somebody holds the store for longer than is worth waiting
 */
export async function perform<Name extends ActionName>(
  name: Name,
  request: RequestOf<Name>,
  run: Run,
  { loaded, resources, log, command, onWait }: PerformDeps,
): Promise<Performed<Name>> {
  const { location } = loaded.config.storage;
  const startedAt = performance.now();
  for (let told = false; ; ) {
    const asked = await askServer(location, name, request, run);
    // The server is of this very program, and the action gave it the same report that it would give here.
    if (asked !== "no server") return { report: asked.report as ReportOf<Name>, by: "server" };
    try {
      const report = await withOwnStore(loaded, resources, command, log, async (actions) => {
        const act = actions[name] as (request: RequestOf<Name>, run: Run) => Promise<ReportOf<Name>>;
        return await act(request, run);
      });
      return { report, by: "this process" };
    } catch (error) {
      if (!(error instanceof StoreLockedError) || performance.now() - startedAt > WAIT_MS) throw error;
      if (!told) onWait(error.holder);
      told = true;
    }
    await systemClock.sleep(ASK_EVERY_MS, run.signal);
  }
}
