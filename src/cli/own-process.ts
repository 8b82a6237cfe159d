/**
 * Does an action in the command's own process, where no server runs on the store: the same parts over the same store, under
 * its lock, without listening.
 */
import { mkdirSync, statSync } from "node:fs";
import type { LoadedConfig } from "../config/load.ts";
import type { Actions } from "../http/api/actions.ts";
import { openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { type ChosenSandbox, chooseSandbox } from "../repos/sandbox-choose.ts";
import { lockStore } from "../store/lock.ts";
import { openStore } from "../store/store.ts";
import { compose } from "./compose.ts";
import type { Resources } from "./resources.ts";

/**
 * Root's files in a store of somebody else would be in that one's way: so root works as the store's owner.
 * There is no way back, so this is for processes that do nothing else.
 */
function becomeOwner(location: string): void {
  const { uid, gid } = statSync(location);
  if (process.getuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

/**
 * @param command told to who wants the store meanwhile
 * @throws {StoreLockedError} when another process holds the store
 */
export async function withOwnStore<T>(
  { config }: LoadedConfig,
  resources: Resources,
  command: string,
  log: Logger,
  act: (actions: Actions) => Promise<T>,
): Promise<T> {
  const { location } = config.storage;
  mkdirSync(location, { recursive: true });
  becomeOwner(location);
  const lock = lockStore(location, `portcache ${command} (process ${process.pid})`);
  const index = openIndex(`${location}/index.sqlite`, resources.migrationsFolder);
  let sandbox: Promise<ChosenSandbox> | undefined;
  const server = compose({
    config,
    store: openStore(location),
    index,
    environment: resources.environment,
    sandbox: () => {
      sandbox ??= chooseSandbox({ wanted: config.repo.sandbox });
      return sandbox;
    },
    hashWorkerUrl: resources.hashWorkerUrl,
    userAgent: resources.userAgent,
    clock: systemClock,
    log,
    onIndexDamage: () => undefined,
  });
  try {
    await server.settle();
    return await act(server.actions);
  } finally {
    await server.stop();
    await (await sandbox)?.sandbox?.stop();
    index.close();
    lock.release();
  }
}
