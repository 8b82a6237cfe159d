/**
 * All configured repositories together, kept in step with the disk: the first scan of each at start, then on misses and
 * when asked. Nothing here rejects: a tree that cannot be scanned is told of in status() and keeps what was known.
 */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Repository } from "./find.ts";
import type { PackageRows } from "./scan.ts";
import { createTree, type TreeStatus } from "./tree.ts";

export interface TreeRows extends PackageRows {
  /** Makes these the repositories, in this order; returns their ids. */
  configure(repositories: readonly Repository[]): readonly number[];
}

export interface TreesDeps {
  /** In order: where two disagree the first holds. */
  readonly repositories: readonly Repository[];
  readonly rows: TreeRows;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Trees {
  /** Resolves once every tree has been scanned for the first time, well or not. */
  readonly ready: Promise<void>;
  /** Whether `ready` has resolved. */
  readonly scanned: boolean;
  /** Grows at the end of each scan that changed something. */
  readonly generation: number;
  /**
   * To be called on a miss: resolves when what the disk said at the time of the call is in the index, as far as the
   * trees' markers show it. Trees whose markers stand still or that have none are scanned too, as seldom as bounds
   * the cost; where no tree knows the name (`unknown`), a call waits up to a second for that.
   */
  refresh(options?: { readonly unknown?: boolean }): Promise<void>;
  /** Resolves after a scan of all that began after the call. `full` reads all Manifests again. */
  rescan(options?: { readonly full?: boolean }): Promise<void>;
  status(): readonly TreeStatus[];
  /** Ends the scans under way; none begins afterwards, and the index is not touched once it has resolved. */
  stop(): Promise<void>;
}

/** Begins to scan at once. @throws what `rows.configure` throws */
export function createTrees({ repositories, rows, clock, log }: TreesDeps): Trees {
  const stopping = new AbortController();
  let generation = 0;
  let scanned = false;
  const ids = rows.configure(repositories);
  const trees = repositories.flatMap((repository, i) => {
    const repositoryId = ids[i];
    if (repositoryId === undefined) return [];
    const onChange = () => {
      generation++;
    };
    return [createTree({ repository, repositoryId, rows, clock, log, signal: stopping.signal, onChange })];
  });

  async function all(act: (tree: (typeof trees)[number]) => Promise<void>): Promise<void> {
    await Promise.all(trees.map(act));
  }

  const ready = all((tree) => tree.rescan(false)).then(() => {
    scanned = true;
  });

  return {
    ready,
    get scanned() {
      return scanned;
    },
    get generation() {
      return generation;
    },
    refresh: ({ unknown = false } = {}) => all((tree) => tree.refresh(unknown)),
    rescan: ({ full = false } = {}) => all((tree) => tree.rescan(full)),
    status: () => trees.map((tree) => tree.status()),
    async stop() {
      stopping.abort();
      await all((tree) => tree.settled());
    },
  };
}
