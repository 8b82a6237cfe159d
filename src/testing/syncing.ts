/**
 * Runs syncs in tests under a clock that moves from one sync to the next, and records events and log messages.
 */
import { rmSync } from "node:fs";
import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import { createSync, type Sync } from "../repos/sync/sync.ts";
import type { SyncedRepository, SyncStatus } from "../repos/sync/sync-repository.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createRemote, QUIET_GIT, type Remote, until } from "./sync-remotes.ts";

export interface Syncing {
  readonly sync: Sync;
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly events: readonly SyncedRepository[];
  /** Returns the status of the first repository. */
  status(): SyncStatus;
  /** Resolves when no sync is running. */
  settled(): Promise<void>;
  /** Moves the clock to the next sync, and resolves when that has ended. */
  next(): Promise<void>;
  messages(level?: string): readonly string[];
}

export const INTERVAL_MS = 60 * 60 * 1000;

/** Creates a remote with half a megabyte of random bytes, so that a transfer can be interrupted. */
export function createLargeRemote(path: string): Remote {
  const remote = createRemote(path);
  for (let i = 0; i < 8; i++) {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    remote.write(`dev-libs/b/files/noise-${i}`, Buffer.from(bytes).toString("latin1"));
  }
  remote.commit("1");
  return remote;
}

/** Starts to sync, and waits for the first sync where `settle` is true. */
export async function startSync(
  folder: string,
  urls: readonly string[],
  settle = true,
  onSynced: () => Promise<void> = async () => undefined,
): Promise<Syncing> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: "sync-test", lowestLevel: "debug", sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
  });
  const clock = createFakeClock();
  const events: SyncedRepository[] = [];
  const sync = createSync({
    urls,
    folder,
    intervalMs: INTERVAL_MS,
    environment: QUIET_GIT,
    clock,
    log: getLogger("sync-test"),
    async onSynced(repository) {
      events.push(repository);
      await onSynced();
    },
  });
  const settled = () => until(() => sync.status().every(({ nextAt }) => nextAt !== undefined));
  if (settle) await settled();
  return {
    sync,
    clock,
    events,
    status: () => sync.status()[0] as SyncStatus,
    settled,
    async next() {
      const at = Math.max(...sync.status().map(({ nextAt }) => nextAt ?? 0));
      await clock.advance(at - clock.now());
      await settled();
    },
    messages: (level) =>
      records.filter((record) => level === undefined || record.level === level).map(({ message }) => message.join("")),
  };
}

export async function endSync(syncing: Syncing | undefined, folder: string): Promise<void> {
  await syncing?.sync.stop();
  rmSync(folder, { recursive: true, force: true });
  await reset();
}
