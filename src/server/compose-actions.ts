/**
 * Puts together the actions of commands, API and socket, and what verifies the store, which scrub uses as well.
 */
import { type CreatedActions, createActions } from "../actions/actions.ts";
import { createVerify, type Verify } from "../actions/verify-files.ts";
import type { Cache } from "../cache/lookup.ts";
import type { MirrorFileCache } from "../cache/mirror-files/lookup.ts";
import type { Config } from "../config/schema.ts";
import { type FileName, isMirrorPath } from "../distfile/mirror-path.ts";
import type { RemovalReason } from "../distfile/reporting.ts";
import type { FailureRows } from "../index/failures.ts";
import type { RemovalRows } from "../index/removals.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Resolver } from "../resolver/resolver.ts";
import type { Store } from "../store/store.ts";
import type { UpstreamClient } from "../upstream/request.ts";
import type { ComposedDistfiles } from "./compose-distfiles.ts";
import type { ComposedDownloads } from "./compose-downloads.ts";
import type { ComposedRepositories } from "./compose-repos.ts";
import type { ComposedStore } from "./compose-store.ts";

export interface ActionsParts {
  /** Values may change. */
  readonly config: Pick<Config, "fetcher">;
  readonly store: Store;
  /** Script of the importing thread. */
  readonly importWorkerUrl: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is composed before. */
export interface ActionsNeeds {
  /** Sends requests of the server's own. */
  readonly upstream: UpstreamClient;
  readonly repositories: ComposedRepositories;
  readonly resolver: Resolver;
  readonly storage: ComposedStore;
  readonly downloads: ComposedDownloads;
  readonly distfiles: ComposedDistfiles;
  readonly mirrorFileCache: MirrorFileCache;
  readonly failures: FailureRows;
  readonly removals: RemovalRows;
}

export interface ComposedActions extends CreatedActions {
  readonly verify: Verify;
}

/** Actions have no deadline of their own, as sources have theirs: the longest timer that there is. */
const NO_DEADLINE_MS = 2 ** 31 - 1;

/** Creates what looks files up for actions: nobody waits for them, so that they have no deadline. */
function createActionLookup(cache: Cache, mirrorFileCache: MirrorFileCache, upstream: UpstreamClient) {
  const waiter = { client: undefined, signal: new AbortController().signal };
  const request = { method: "GET", upstream, waiter } as const;
  return (name: FileName) =>
    isMirrorPath(name)
      ? mirrorFileCache.lookup({ ...request, name, directives: new Map() }, NO_DEADLINE_MS)
      : cache.lookup({ ...request, name, aliases: [], content: undefined }, NO_DEADLINE_MS);
}

export function composeActions(parts: ActionsParts, needs: ActionsNeeds): ComposedActions {
  const { config, store, importWorkerUrl, clock, log } = parts;
  const { repositories, storage, downloads, distfiles, removals } = needs;
  const onRemoved = (name: FileName, reason: RemovalReason) => removals.add(name, { at: clock.now(), reason });
  const { rows, eviction } = storage;
  const { hasher, flights, storedFiles } = downloads;
  const wantedBy = repositories.rows.entriesByName;
  const prefetch: Parameters<typeof createVerify>[0]["prefetch"] = async (entry) =>
    (await distfiles.prefetch(entry)) === "fetched";
  const verify = createVerify({ store, rows, hasher, wantedBy, prefetch, onRemoved, clock, log });
  const created = createActions({
    lookup: createActionLookup(distfiles.exactCache, needs.mirrorFileCache, needs.upstream),
    flights,
    store,
    rows,
    storedFiles,
    hasher,
    inUse: storage.inUse,
    room: storage.room,
    onStoreTrouble: storage.onTrouble,
    importWorkerUrl,
    clock,
    wantedBy,
    eviction,
    onRemoved,
    verify,
    failures: needs.failures,
    configuredRepositories: repositories.configured,
    resolver: needs.resolver,
    entriesOf: repositories.rows.entriesOf,
    maxDownloads: () => config.fetcher.max_downloads,
    refreshRepositories: repositories.refresh.refreshRepositories,
    onRepositoriesChanged: repositories.refresh.onRepositoriesChanged,
  });
  return { ...created, verify };
}
