/**
 * Keeps the index in step with all configured repositories: scans each at the start, then on misses and on request. No scan
 * rejects: status() has the problem of a repository that cannot be scanned, and what was known of it is kept.
 */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { DiscoveredRepositories, Repository } from "./discover.ts";
import { createScanSchedule, type RepositoryStatus, type Scan, type ScanSchedule } from "./scan-schedule.ts";

export interface RepositoryScansDeps {
  /** In order: where two disagree, the first one counts. */
  readonly repositories: readonly Repository[];
  /** Makes these the repositories of the index, in this order; returns their ids. */
  readonly configureRows: (repositories: readonly Repository[]) => readonly number[];
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RepositoryScans {
  /** Resolves after the first scan of every repository, successful or not. configure() replaces the promise. */
  readonly ready: Promise<void>;
  /** Whether the current `ready` has resolved. */
  readonly scanned: boolean;
  /** Grows at the end of each scan that changed something or followed a sync, and with other repositories. */
  readonly generation: number;
  /**
   * Replaces the repositories; what is known of those that stay is kept. Resolves when scans of new ones have started.
   * @throws {unknown} what `configureRows` throws; repositories that were to go are then no longer scanned
   */
  configure(repositories: readonly Repository[]): Promise<void>;
  /**
   * To be called on a miss: resolves when the index has what was on disk at the time of the call, as far as markers show
   * it. Repositories without markers are scanned too, and where no repository has the file (`unknown`) those with unchanged
   * ones, rarely enough to bound the cost; a call for such a file waits up to a second for that.
   */
  refresh(options?: { readonly unknown?: boolean }): Promise<void>;
  /** Resolves after a scan of every repository that started after the call. `full` reads all Manifests again. */
  rescan(options?: { readonly full?: boolean }): Promise<void>;
  /** Rescans the repository at this location; does nothing where there is none. */
  rescanOne(location: string): Promise<void>;
  status(): readonly RepositoryStatus[];
  /** Stops the running scans and starts no others. The index is not touched after it has resolved. */
  stop(): Promise<void>;
}

/** The configured repositories, from disk and from URLs, as the rest of the server uses them. */
export interface ConfiguredRepositories {
  readonly scans: RepositoryScans;
  /** Returns what the configuration and the disk say now. */
  discovered(): DiscoveredRepositories;
  /** Returns whether every configured repository was read since the start, those of URLs included. */
  scanned(): boolean;
  /** Returns why no file can be verified, as no Manifest is known; a sentence part, undefined where some are. */
  unverifiedReason(): string | undefined;
  /** Starts to sync repositories of URLs. */
  start(): void;
  /** Discovers the repositories again: new ones are scanned, others keep what is known of them. */
  reconfigure(): Promise<void>;
  stop(): Promise<void>;
}

interface Member {
  readonly repository: Repository;
  readonly schedule: ScanSchedule;
  readonly stopping: AbortController;
}

/** Starts to scan at once. @throws {unknown} what `configureRows` throws */
export function createRepositoryScans({
  repositories,
  configureRows,
  scan,
  clock,
  log,
}: RepositoryScansDeps): RepositoryScans {
  let stopped = false;
  let generation = 0;
  let members: readonly Member[] = [];
  let scanned = false;
  let configurations = 0;
  let ready: Promise<void>;
  let configuring: Promise<void> = Promise.resolve();

  async function all(act: (schedule: ScanSchedule) => Promise<void>): Promise<void> {
    await Promise.all(members.map(({ schedule }) => act(schedule)));
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
      schedule: createScanSchedule({ repository, repositoryId, scan, clock, log, signal, onChange }),
    };
  }

  async function stopMembers(gone: readonly Member[]): Promise<void> {
    for (const { stopping } of gone) stopping.abort();
    await Promise.all(gone.map(({ schedule }) => schedule.idle()));
  }

  /** Replaces `members`; the caller has stopped those that go. */
  function apply(wanted: readonly Repository[]): void {
    const ids = configureRows(wanted);
    const before = new Map(members.map((member) => [member.repository.location, member]));
    members = wanted.flatMap((repository, i) => {
      const id = ids[i];
      return id === undefined ? [] : [before.get(repository.location) ?? createMember(repository, id)];
    });
    scanned = false;
    const configuration = ++configurations;
    ready = all((schedule) => schedule.firstScan()).then(() => {
      if (configuration === configurations) scanned = true;
    });
  }

  async function configure(wanted: readonly Repository[]): Promise<void> {
    if (stopped) return;
    const stays = ({ repository }: Member) =>
      wanted.some(({ location, name }) => location === repository.location && name === repository.name);
    const gone = members.filter((member) => !stays(member));
    members = members.filter(stays);
    await stopMembers(gone);
    if (stopped) return;
    apply(wanted);
    generation++;
  }

  apply(repositories);
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
    refresh: ({ unknown = false } = {}) => all((schedule) => schedule.refresh(unknown)),
    rescan: ({ full = false } = {}) => all((schedule) => schedule.rescan(full)),
    async rescanOne(location) {
      await members.find(({ repository }) => repository.location === location)?.schedule.rescan(false);
    },
    configure(wanted) {
      const done = configuring.then(() => configure(wanted));
      configuring = done.catch(() => undefined);
      return done;
    },
    status: () => members.map(({ schedule }) => schedule.status()),
    async stop() {
      stopped = true;
      await stopMembers(members);
      await configuring;
    },
  };
}
