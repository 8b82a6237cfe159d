/**
 * Ebuild trees given as URLs: cloned under the store and kept current. Each tree for itself, a few at once; one that
 * cannot be had keeps no other from being synced, and nothing of it from being used as it last was. The folder of a URL
 * that is no longer configured is left alone: it may be wanted again, and to remove it is for people.
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

export type { SyncedRepository as SyncedTree, SyncStatus } from "./sync-repository.ts";

export interface SyncDeps {
  readonly urls: readonly string[];
  /** LOCATION/repos. */
  readonly folder: string;
  /** Between syncs of a tree; 0: each is cloned once and stays as it is. */
  readonly intervalMs: number;
  /** The environment of the process, of which git and rsync are handed what they need to reach the remote. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when another version of a tree is in use. The tree's next sync waits for it. */
  onSynced(tree: SyncedRepository): Promise<void>;
}

export interface Sync {
  /** Makes these the trees; those that were so before go on with what they do. Resolves when the others have stopped. */
  configure(urls: readonly string[], intervalMs: number): Promise<void>;
  /** In the order of the URLs. */
  status(): readonly SyncStatus[];
  /** Ends what is under way; resolves when no process of it is left. */
  stop(): Promise<void>;
}

const AT_ONCE = 2;

/** Of URLs that differ in nothing but their credentials the first holds. */
function distinct(urls: readonly string[]): readonly string[] {
  const byFolder = new Map(urls.toReversed().map((url) => [folderNameOf(url), url]));
  return urls.filter((url, i) => byFolder.get(folderNameOf(url)) === url && urls.indexOf(url) === i);
}

/** Begins at once. */
export function createSync(deps: SyncDeps): Sync {
  const slots = createSemaphore(AT_ONCE);
  let { intervalMs } = deps;
  let trees = new Map<string, RepositorySync>();
  let stopped = false;
  let configuring: Promise<void> = Promise.resolve();

  function start(url: string): RepositorySync {
    return createRepositorySync({ ...deps, url, intervalMs: () => intervalMs, slots });
  }

  async function apply(urls: readonly string[]): Promise<void> {
    const wanted = distinct(urls);
    const gone = [...trees].filter(([url]) => !wanted.includes(url));
    for (const [url] of gone) trees.delete(url);
    // The same folder may come again under a URL with other credentials.
    await Promise.all(gone.map(([, tree]) => tree.stop()));
    if (stopped) return;
    for (const tree of trees.values()) tree.reschedule();
    trees = new Map(wanted.map((url) => [url, trees.get(url) ?? start(url)]));
  }

  trees = new Map(distinct(deps.urls).map((url) => [url, start(url)]));
  return {
    configure(urls, newIntervalMs) {
      intervalMs = newIntervalMs;
      configuring = configuring.then(() => apply(urls));
      return configuring;
    },
    status: () => [...trees.values()].map((tree) => tree.status()),
    async stop() {
      stopped = true;
      await Promise.all([configuring, ...[...trees.values()].map((tree) => tree.stop())]);
    },
  };
}
