/**
 * Fetches ahead what a client will request next: the other files of the ebuild that wants the file just missed. Only a few at a
 * time, so that most download slots are left to files that clients wait for.
 */
import type { Digests, DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import { noun } from "../lib/format.ts";
import type { Logger } from "../lib/log.ts";
import type { Prefetch } from "./prefetch.ts";

export interface ReadAheadDeps {
  /** How many files are fetched ahead at once, read each time; 0: none. */
  readonly maxDownloads: number;
  /** Finds the other files of the ebuilds that want the file, in the order in which they will be requested. */
  readonly siblings: (name: DistfileName, content: Digests) => Promise<readonly DistEntry[]>;
  /** Returns how many bytes the store may still take. */
  readonly spareBytes: () => number;
  readonly prefetch: Prefetch;
  readonly log: Logger;
}

export interface ReadAhead {
  /** A client had to wait for this file, and gets it now. */
  missed(name: DistfileName, content: Digests): void;
  /** A client gets a file, from the store or while it comes in. */
  served(name: DistfileName): void;
  /** How many files were fetched ahead since the start, and how many of them a client requested afterwards. */
  readonly counts: { readonly fetched: number; readonly used: number };
  stop(): void;
}

const MAX_WAITING = 10_000;
/** An ebuild may list any number of files that nobody has, and each costs its hosts requests. */
const MAX_FAILED = 32;
/** How many files may be started and not yet synced to disk, as a multiple of `maxDownloads`. */
const MAX_UNSTORED_FACTOR = 4;

/** The files that one miss leads to. */
interface Batch {
  failed: number;
}

interface Waiting {
  readonly entry: DistEntry;
  readonly batch: Batch;
}

export function createReadAhead(deps: ReadAheadDeps): ReadAhead {
  const { siblings, spareBytes, prefetch, log } = deps;
  const waiting = new Map<DistfileName, Waiting>();
  /** Files fetched ahead that no client has requested since. */
  const unused = new Set<DistfileName>();
  let fetched = 0;
  let used = 0;
  let logged = 0;
  let running = 0;
  let unstored = 0;
  let stopped = false;

  async function expand(name: DistfileName, content: Digests): Promise<void> {
    // The client's own response goes first: looking up what else its ebuild wants would delay it (measured: 2 ms).
    await Bun.sleep(1);
    if (stopped) return;
    let left = spareBytes();
    for (const { entry } of waiting.values()) left -= entry.size;
    const batch = { failed: 0 };
    for (const entry of await siblings(name, content)) {
      left -= entry.size;
      if (left < 0 || waiting.size >= MAX_WAITING) break;
      waiting.set(entry.name, { entry, batch });
    }
  }

  /** Fetches no more of a batch of which too many files could not be had. */
  function noteFailure({ entry, batch }: Waiting): void {
    if (++batch.failed !== MAX_FAILED) return;
    for (const [name, other] of waiting) if (other.batch === batch) waiting.delete(name);
    log.info("{failed} files fetched ahead like {file} could not be had: fetching no more of them ahead", {
      failed: MAX_FAILED,
      file: entry.name,
    });
  }

  async function prefetchNext(next: Waiting): Promise<void> {
    const { entry } = next;
    let arrived = false;
    const onArrived = () => {
      if (arrived) return;
      arrived = true;
      running--;
      fill();
    };
    unstored++;
    try {
      const outcome = await prefetch(entry, onArrived);
      if (outcome === "failed") noteFailure(next);
      if (outcome !== "fetched") return;
      fetched++;
      unused.add(entry.name);
      const [oldest] = unused;
      if (unused.size > MAX_WAITING && oldest !== undefined) unused.delete(oldest);
    } catch (error) {
      log.debug("Cannot fetch {file} ahead: {error}", { file: entry.name, error });
    } finally {
      unstored--;
      onArrived();
      fill();
    }
  }

  function fill(): void {
    while (running < deps.maxDownloads && unstored < MAX_UNSTORED_FACTOR * deps.maxDownloads && !stopped) {
      const [next] = waiting.values();
      if (!next) break;
      waiting.delete(next.entry.name);
      running++;
      void prefetchNext(next);
    }
    if (unstored > 0 || fetched === logged) return;
    logged = fetched;
    log.info(`Fetched {fetched} ${noun(fetched, "file")} ahead since the start, {used} of them used`, {
      fetched,
      used,
    });
  }

  return {
    missed(name, content) {
      // The siblings of a file that was waiting are waiting as well.
      if (deps.maxDownloads === 0 || stopped || waiting.delete(name)) return;
      expand(name, content).then(fill, (error: unknown) => {
        log.warn("Cannot find the files to fetch ahead after {file}: {error}", { file: name, error });
      });
    },
    served(name) {
      if (unused.delete(name)) used++;
    },
    get counts() {
      return { fetched, used };
    },
    stop() {
      stopped = true;
      waiting.clear();
    },
  };
}
