/**
 * Clones ebuild repositories that are configured as URLs, and keeps them current, two at a time. A repository that fails
 * delays no other, and keeps its last version. The folder of a URL that is no longer configured is left for people to remove,
 * since it may be wanted again.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { createSemaphore } from "../../lib/semaphore.ts";
import {
  createRepositorySync,
  type RepositorySync,
  type SyncedRepository,
  type SyncStatus,
} from "./sync-repository.ts";
import { folderNameOf } from "./url.ts";

export interface SyncDeps {
  readonly urls: readonly string[];
  /** LOCATION/repos. */
  readonly folder: string;
  /** Time between syncs of a repository; 0 clones each once. */
  readonly intervalMs: number;
  /** Environment of the process; git and rsync get what they need of it to reach the remote. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with each new current version. The repository's next sync waits for it. */
  onSynced(repository: SyncedRepository): Promise<void>;
}

export interface Sync {
  /** Replaces the URLs; repositories that stay go on undisturbed. Resolves when the others have stopped. */
  configure(urls: readonly string[], intervalMs: number): Promise<void>;
  /** In the order of the URLs. */
  status(): readonly SyncStatus[];
  /** Stops running syncs; resolves when none of their processes is left. */
  stop(): Promise<void>;
}

const AT_ONCE = 2;

/** Keeps the first of URLs that differ only in their credentials. */
function distinct(urls: readonly string[]): readonly string[] {
  const byFolder = new Map(urls.toReversed().map((url) => [folderNameOf(url), url]));
  return urls.filter((url, i) => byFolder.get(folderNameOf(url)) === url && urls.indexOf(url) === i);
}

/** Starts to sync at once. */
export function createSync(deps: SyncDeps): Sync {
  const slots = createSemaphore(AT_ONCE);
  let { intervalMs } = deps;
  let syncs = new Map<string, RepositorySync>();
  let stopped = false;
  let configuring: Promise<void> = Promise.resolve();

  function start(url: string): RepositorySync {
    const { folder, environment, clock, log, onSynced } = deps;
    const every = () => intervalMs;
    return createRepositorySync({ url, folder, intervalMs: every, environment, clock, log, slots, onSynced });
  }

  async function apply(urls: readonly string[]): Promise<void> {
    const wanted = distinct(urls);
    const gone = [...syncs].filter(([url]) => !wanted.includes(url));
    for (const [url] of gone) syncs.delete(url);
    // The same folder may come again under a URL with other credentials.
    await Promise.all(gone.map(([, sync]) => sync.stop()));
    if (stopped) return;
    for (const sync of syncs.values()) sync.reschedule();
    syncs = new Map(wanted.map((url) => [url, syncs.get(url) ?? start(url)]));
  }

  syncs = new Map(distinct(deps.urls).map((url) => [url, start(url)]));
  return {
    configure(urls, newIntervalMs) {
      intervalMs = newIntervalMs;
      configuring = configuring.then(() => apply(urls));
      return configuring;
    },
    status: () => [...syncs.values()].map((sync) => sync.status()),
    async stop() {
      stopped = true;
      await Promise.all([configuring, ...[...syncs.values()].map((sync) => sync.stop())]);
    },
  };
}
