/**
 * Puts together what is known of stored files: their rows on disk, and in memory those that were found right and the bytes
 * of small ones, kept in step.
 */
import { createKnownFiles, type KnownFiles } from "../cache/recent-hits.ts";
import type { Config } from "../config/schema.ts";
import { createDistfileRows, type DistfileRows } from "../index/files.ts";
import type { Index } from "../index/open.ts";
import type { RepositoryRows } from "../index/repositories.ts";
import type { Clock } from "../lib/clock.ts";
import { createHotFiles, type HotFiles } from "../store/memory-cache.ts";
import { readBody } from "../store/read-body.ts";
import type { Store } from "../store/store.ts";

export interface ComposedStored {
  readonly rows: DistfileRows;
  readonly known: KnownFiles;
  readonly hot: HotFiles;
}

export interface StoredParts {
  readonly store: Store;
  readonly index: Index;
  readonly repositories: Pick<RepositoryRows, "revision">;
  readonly clock: Clock;
  readonly config: { readonly storage: Pick<Config["storage"], "memory"> };
}

/** What nobody asks for goes from memory after one to two times as long: while few ask, the disk does as well. */
export const RELEASE_EVERY_MS = 15_000;

/** So many bytes let go are worth a collection (13 ms, after a rush): nothing else makes one while nobody asks. */
const WORTH_COLLECTING = 4 * 1024 * 1024;

/** Gives back what nobody asks for any more, to the system as well. */
export function releaseMemory(hot: Pick<HotFiles, "release">): void {
  if (hot.release() >= WORTH_COLLECTING) Bun.gc(true);
}

export function composeStored({ store, index, repositories, clock, config }: StoredParts): ComposedStored {
  const known = createKnownFiles({ store, revision: () => repositories.revision, clock });
  const hot = createHotFiles({ limitBytes: () => config.storage.memory, load: (file) => readBody(store, file) });
  const rows = createDistfileRows(index.db, (name) => {
    known.forget(name);
    hot.forget(name);
  });
  return { rows, known, hot };
}
