/**
 * Runs an action in the command's own process if no server runs on the store: the same parts, under the store's lock, without
 * listening.
 */
import { mkdirSync } from "node:fs";
import { ActionError, type Actions } from "../api/actions.ts";
import type { LoadedConfig } from "../config/load.ts";
import { type Index, openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { reasonOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import { type ChosenSandbox, chooseSandbox } from "../repos/sandbox/choose.ts";
import { lockStore, type StoreLock, StoreLockedError } from "../store/lock.ts";
import { requireStore } from "../store/require-store.ts";
import { openStore, type Store } from "../store/store.ts";
import { compose } from "./compose.ts";
import { storeObstacle } from "./preflight.ts";
import type { Resources } from "./resources.ts";
import { runAsOwner } from "./run-as-owner.ts";

interface Opened {
  readonly lock: StoreLock;
  readonly store: Store;
  readonly index: Index;
}

/** Commands that put files into the store. */
const MAKES_STORE: ReadonlySet<string> = new Set(["fetch", "import"]);

/**
 * @throws {NoStoreError} if there is none, and the command makes none
 * @throws {ActionError} if the store cannot be written
 */
function open(location: string, command: string, { migrationsFolder }: Resources): Opened {
  if (!MAKES_STORE.has(command)) requireStore(location);
  let lock: StoreLock | undefined;
  try {
    mkdirSync(location, { recursive: true });
    runAsOwner(location);
    lock = lockStore(location, `portcache ${command} (process ${process.pid})`);
    return { lock, store: openStore(location), index: openIndex(`${location}/index.sqlite`, migrationsFolder, true) };
  } catch (error) {
    lock?.release();
    if (error instanceof StoreLockedError) throw error;
    throw new ActionError(
      422,
      `Cannot use the store ${location} (set storage.location to use another): ${storeObstacle(location) ?? reasonOf(error)}`,
    );
  }
}

/**
 * @param command named in the error of processes that want the store meanwhile
 * @throws {StoreLockedError} if another process holds the store
 * @throws {NoStoreError} if there is none, and the command makes none
 * @throws {ActionError} if the store cannot be written
 */
export async function withLocalServer<T>(
  { config }: LoadedConfig,
  resources: Resources,
  command: string,
  log: Logger,
  act: (actions: Actions) => Promise<T>,
): Promise<T> {
  const { location } = config.storage;
  const { lock, store, index } = open(location, command, resources);
  let sandbox: Promise<ChosenSandbox> | undefined;
  const server = compose({
    config,
    store,
    index,
    environment: resources.environment,
    sandbox: () => {
      sandbox ??= chooseSandbox({ wanted: config.repo.sandbox });
      return sandbox;
    },
    hashWorkerUrl: resources.hashWorkerUrl,
    scanWorkerUrl: resources.scanWorkerUrl,
    importWorkerUrl: resources.importWorkerUrl,
    historyWorkerUrl: resources.historyWorkerUrl,
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
