/**
 * Refreshes what is known of the repositories before a file is looked up, within the time that a client can wait.
 */
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { RepositoryScans } from "./repositories.ts";
import type { RepositoryStatus } from "./scan-schedule.ts";

/** How long a client can wait for the first scan. */
const MAX_WAIT_MS = 20_000;

export interface RepositoryRefresh {
  /** To be called when the repositories may have changed. */
  onRepositoriesChanged(): void;
  /**
   * Resolves when the index has what is on disk now, or when a client can wait no longer, with whether a repository has changed
   * since the call. @param known whether a repository has the file, as its Manifests on disk say
   */
  refreshRepositories(known: boolean): Promise<boolean>;
  /** The same for one repository that has changed. */
  refreshRepository(location: string): Promise<boolean>;
}

/**
 * Says what could not be read of the repositories, in sentences; empty where all was.
 * @param problems with repositories that are not there, a sentence each without its end
 */
export function unreadableNote(problems: readonly string[], repositories: readonly RepositoryStatus[]): string {
  const notes = repositories.flatMap(({ name, unreadable, firstUnreadable }) => {
    if (!firstUnreadable) return [];
    const others = unreadable === 1 ? "" : ` (and ${unreadable - 1} other paths)`;
    return [`Repository ${name}: ${firstUnreadable.path} was not read${others}: ${firstUnreadable.reason}.`];
  });
  return [...problems.map((problem) => `${problem}.`), ...notes].join(" ");
}

/** @param onChange called when a repository has changed: it may have sources for files that were not found before */
export function createRepositoryRefresh(scans: RepositoryScans, clock: Clock, onChange: () => void): RepositoryRefresh {
  let knownGeneration = scans.generation;

  function onRepositoriesChanged(): void {
    if (scans.generation === knownGeneration) return;
    knownGeneration = scans.generation;
    onChange();
  }

  async function refresh(scan: () => Promise<void>): Promise<boolean> {
    const { generation } = scans;
    // The next scan sees what changed during the first one.
    await within(clock, MAX_WAIT_MS, scans.ready.then(scan));
    onRepositoriesChanged();
    return scans.generation !== generation;
  }

  return {
    onRepositoriesChanged,
    async refreshRepositories(known) {
      // What an earlier run scanned is good enough until the first scan is done.
      if (!scans.scanned && known) return false;
      return await refresh(() => scans.refresh({ unknown: !known }));
    },
    refreshRepository: (location) => refresh(() => scans.rescanOne(location)),
  };
}
