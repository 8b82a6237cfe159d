/**
 * Sees to it that what is asked for is looked up in the trees as they are on disk.
 */
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { RepositoryScans } from "./repositories.ts";

/** A client can wait so long for the first scan of the trees (SPEC 5). */
const TREES_WAIT_MS = 20_000;

export interface RepositoryRefresh {
  /** To be called when the trees may have changed. */
  onRepositoriesChanged(): void;
  /** Resolves when what the disk says now is known, as far as a client can wait for that. */
  refreshRepositories(known: boolean): Promise<void>;
}

/** @param onChange a changed tree may have named sources for what was asked for in vain */
export function createRepositoryRefresh(trees: RepositoryScans, clock: Clock, onChange: () => void): RepositoryRefresh {
  let knownGeneration = trees.generation;

  function onRepositoriesChanged(): void {
    if (trees.generation === knownGeneration) return;
    knownGeneration = trees.generation;
    onChange();
  }

  return {
    onRepositoriesChanged,
    async refreshRepositories(known) {
      // What an earlier run read of the trees will do until they are read again.
      if (!trees.scanned && known) return;
      // A change during the first scan is in the next one.
      const settled = trees.ready.then(() => trees.refresh({ unknown: !known }));
      await within(clock, TREES_WAIT_MS, settled);
      onRepositoriesChanged();
    },
  };
}
