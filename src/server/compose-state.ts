/**
 * Puts together the state that the API shows.
 */
import type { ApiState } from "../api/state.ts";
import type { Config } from "../config/schema.ts";
import type { IndexDatabase } from "../index/open.ts";
import type { Clock } from "../lib/clock.ts";
import type { Hosts } from "../mirrors/hosts.ts";
import { findByHand } from "../resolver/by-hand.ts";
import type { Resolver } from "../resolver/resolver.ts";
import type { RequestHistory } from "../status/request-history.ts";
import type { RequestStats } from "../status/request-stats.ts";
import { type ApiStateDeps, createApiState } from "../status/server-status.ts";
import type { Store } from "../store/store.ts";
import { createClientNames } from "./client-names.ts";
import type { ComposedDistfiles } from "./compose-distfiles.ts";
import type { ComposedDownloads } from "./compose-downloads.ts";
import type { ComposedRepositories } from "./compose-repos.ts";
import type { ComposedStore } from "./compose-store.ts";
import type { ServerHealth } from "./health.ts";

export interface StateParts {
  readonly config: Config;
  readonly store: Store;
  readonly index: { readonly db: IndexDatabase };
  readonly clock: Clock;
}

/** What is composed before. */
export interface StateNeeds {
  readonly repositories: ComposedRepositories;
  readonly resolver: Resolver;
  readonly hosts: Hosts;
  readonly storage: ComposedStore;
  readonly downloads: ComposedDownloads;
  readonly distfiles: ComposedDistfiles;
  readonly stats: RequestStats;
  readonly requestHistory: RequestHistory;
  readonly health: ServerHealth;
  readonly actions: ApiStateDeps["actions"];
}

export function composeState({ config, store, index, clock }: StateParts, needs: StateNeeds): ApiState {
  const { repositories, resolver, hosts, storage, downloads, distfiles, stats, health } = needs;
  const { configured } = repositories;
  return createApiState({
    stats,
    config,
    db: index.db,
    rows: storage.rows,
    repositories: repositories.rows,
    repositoryStatus: configured.scans.status,
    discoveredRepositories: configured.discovered,
    repositoriesScanned: configured.scanned,
    async versionsOf(...of) {
      const versions = await resolver.versionsOf(...of);
      return versions.map(({ slot = null, files, fetchRestricted, version }) => ({
        version,
        slot,
        files: files ? [...files] : null,
        fetch_restricted: fetchRestricted,
      }));
    },
    byHand: (entry) => findByHand(entry.name, entry, resolver),
    hosts,
    store,
    flights: downloads.flights,
    readAhead: distfiles.readAhead,
    unavailableReason: health.unavailableReason,
    degradedReason: health.degradedReason,
    eviction: storage.eviction,
    requestHistory: needs.requestHistory,
    clientNames: createClientNames({ config, clock }),
    actions: needs.actions,
    clock,
  });
}
