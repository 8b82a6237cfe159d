/**
 * All configured repositories together, kept in step with the disk: the first scan of each at start, then on misses and
 * when asked. No scan rejects: a tree that cannot be scanned is told of in status() and keeps what was known.
 */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { DiscoveredRepositories, Repository } from "./discover.ts";
import { createScanSchedule, type RepositoryStatus, type Scan, type ScanSchedule } from "./scan-schedule.ts";

export interface TreeRows {
  /** Makes these the repositories, in this order; returns their ids. */
  configure(repositories: readonly Repository[]): readonly number[];
}

export interface RepositoryScansDeps {
  /** In order: where two disagree the first holds. */
  readonly repositories: readonly Repository[];
  readonly rows: TreeRows;
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RepositoryScans {
  /** Resolves once every tree has been scanned for the first time, well or not; another promise after configure(). */
  readonly ready: Promise<void>;
  /** Whether `ready`, as it is now, has resolved. */
  readonly scanned: boolean;
  /** Grows at the end of each scan that changed something or followed a sync, and when there are other trees. */
  readonly generation: number;
  /**
   * Makes these the trees, in this order; those that stay keep what is known of them. Resolves when it is so and new
   * ones are being scanned. @throws what `rows.configure` throws; those that were to go are then no longer scanned
   */
  configure(repositories: readonly Repository[]): Promise<void>;
  /**
   * To be called on a miss: resolves when what the disk said at the time of the call is in the index, as far as the
   * trees' markers show it. Trees whose markers stand still or that have none are scanned too, as seldom as bounds
   * the cost; where no tree knows the name (`unknown`), a call waits up to a second for that.
   */
  refresh(options?: { readonly unknown?: boolean }): Promise<void>;
  /** Resolves after a scan of all that began after the call. `full` reads all Manifests again. */
  rescan(options?: { readonly full?: boolean }): Promise<void>;
  /** The same for the tree that lies there alone; for others it does nothing. */
  synced(location: string): Promise<void>;
  status(): readonly RepositoryStatus[];
  /** Ends the scans under way; none begins afterwards, and the index is not touched once it has resolved. */
  stop(): Promise<void>;
}

/** The configured repositories, from disk and from URLs, as the rest of the server uses them. */
export interface ConfiguredRepositories {
  readonly scans: RepositoryScans;
  /** Returns what the configuration and the disk say now. */
  discovered(): DiscoveredRepositories;
  /** Returns whether every configured repository was read since the start, those of URLs included. */
  scanned(): boolean;
  /** Starts to sync repositories of URLs. */
  start(): void;
  /** Discovers the repositories again: new ones are scanned, others keep what is known of them. */
  reconfigure(): Promise<void>;
  stop(): Promise<void>;
}

interface Member {
  readonly repository: Repository;
  readonly tree: ScanSchedule;
  readonly stopping: AbortController;
}

/** Begins to scan at once. @throws what `rows.configure` throws */
export function createRepositoryScans({ repositories, rows, scan, clock, log }: RepositoryScansDeps): RepositoryScans {
  let stopped = false;
  let generation = 0;
  let members: readonly Member[] = [];
  let scanned = false;
  let rounds = 0;
  let ready: Promise<void>;
  let configuring: Promise<void> = Promise.resolve();

  async function all(act: (tree: ScanSchedule) => Promise<void>): Promise<void> {
    await Promise.all(members.map(({ tree }) => act(tree)));
  }

  function createMember(repository: Repository, repositoryId: number): Member {
    const stopping = new AbortController();
    const onChange = () => {
      generation++;
    };
    const { signal } = stopping;
    return {
      repository,
      stopping,
      tree: createScanSchedule({ repository, repositoryId, scan, clock, log, signal, onChange }),
    };
  }

  async function stopThose(gone: readonly Member[]): Promise<void> {
    for (const { stopping } of gone) stopping.abort();
    await Promise.all(gone.map(({ tree }) => tree.idle()));
  }

  /** Makes `members` those of the repositories, of which none but they may be scanned just now. */
  function adopt(wanted: readonly Repository[]): void {
    const ids = rows.configure(wanted);
    const before = new Map(members.map((member) => [member.repository.location, member]));
    members = wanted.flatMap((repository, i) => {
      const id = ids[i];
      return id === undefined ? [] : [before.get(repository.location) ?? createMember(repository, id)];
    });
    scanned = false;
    const round = ++rounds;
    ready = all((tree) => tree.firstScan()).then(() => {
      if (round === rounds) scanned = true;
    });
  }

  async function configure(wanted: readonly Repository[]): Promise<void> {
    if (stopped) return;
    const stays = ({ repository }: Member) =>
      wanted.some(({ location, name }) => location === repository.location && name === repository.name);
    const gone = members.filter((member) => !stays(member));
    members = members.filter(stays);
    await stopThose(gone);
    if (stopped) return;
    adopt(wanted);
    generation++;
  }

  adopt(repositories);
  return {
    get ready() {
      return ready;
    },
    get scanned() {
      return scanned;
    },
    get generation() {
      return generation;
    },
    refresh: ({ unknown = false } = {}) => all((tree) => tree.refresh(unknown)),
    rescan: ({ full = false } = {}) => all((tree) => tree.rescan(full)),
    async synced(location) {
      await members.find(({ repository }) => repository.location === location)?.tree.rescan(false);
    },
    configure(wanted) {
      const done = configuring.then(() => configure(wanted));
      configuring = done.catch(() => undefined);
      return done;
    },
    status: () => members.map(({ tree }) => tree.status()),
    async stop() {
      stopped = true;
      await stopThose(members);
      await configuring;
    },
  };
}
