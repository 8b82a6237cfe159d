/**
 * Fetches what a client will ask for next: the other files of the ebuild that one was missed of. A few at a time, so
 * that most places are left to files somebody waits for; what a client asks for meanwhile is its own from then on.
 */
import type { Digests, DistEntry } from "../distfile/digests.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Logger } from "../lib/log.ts";

export interface ReadAheadDeps {
  /** Most at once, asked for each time; 0: none. */
  readonly maxDownloads: number;
  /** The other files of those ebuilds, in the order in which they will be asked for. */
  readonly siblings: (name: DistfileName, content: Digests) => Promise<readonly DistEntry[]>;
  /** How many bytes the store may still take. */
  readonly room: () => number;
  /** Brings the file into the store, if it is not there. Resolves with whether it was fetched now. */
  readonly prefetch: (entry: DistEntry, onArrived: () => void) => Promise<boolean>;
  readonly log: Logger;
}

export interface ReadAhead {
  /** A client had to wait for this file, and gets it now. */
  missed(name: DistfileName, content: Digests): void;
  /** A client gets a file, from the store or while it comes in. */
  served(name: DistfileName): void;
  /** Of files fetched ahead since the start, those that a client asked for afterwards are used. */
  readonly counts: { readonly fetched: number; readonly used: number };
  stop(): void;
}

const MAX_WAITING = 10_000;
/** So many times the places may be begun and not yet synced to the disk. */
const MAX_UNSTORED_FACTOR = 4;

export function createReadAhead(deps: ReadAheadDeps): ReadAhead {
  const { siblings, room, prefetch: bring, log } = deps;
  const waiting = new Map<DistfileName, DistEntry>();
  /** Fetched ahead, and nobody has asked for it since. */
  const unused = new Set<DistfileName>();
  let fetched = 0;
  let used = 0;
  let told = 0;
  let running = 0;
  let unstored = 0;
  let stopped = false;

  async function expand(name: DistfileName, content: Digests): Promise<void> {
    // The client's own answer goes first: looking up what else its ebuild wants would hold it up (measured: 2 ms).
    await Bun.sleep(1);
    if (stopped) return;
    let left = room();
    for (const { size } of waiting.values()) left -= size;
    for (const entry of await siblings(name, content)) {
      left -= entry.size;
      if (left < 0 || waiting.size >= MAX_WAITING) break;
      waiting.set(entry.name, entry);
    }
  }

  async function bringNext(entry: DistEntry): Promise<void> {
    let arrived = false;
    const onArrived = () => {
      if (arrived) return;
      arrived = true;
      running--;
      fill();
    };
    unstored++;
    try {
      if (!(await bring(entry, onArrived))) return;
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
      waiting.delete(next.name);
      running++;
      void bringNext(next);
    }
    if (unstored > 0 || fetched === told) return;
    told = fetched;
    log.info("fetched ahead since the start: {fetched} files, of these used: {used}", { fetched, used });
  }

  return {
    missed(name, content) {
      // One that was waiting for its turn has told of its siblings already.
      if (deps.maxDownloads === 0 || stopped || waiting.delete(name)) return;
      expand(name, content).then(fill, (error: unknown) => {
        log.warn("Cannot find out what will be asked for after {file}: {error}", { file: name, error });
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
