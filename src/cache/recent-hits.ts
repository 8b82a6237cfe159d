/**
 * Remembers distfiles that were found right lately, so that the next request for one asks neither the index nor a hash. An entry
 * holds while the file's stamp on disk, its row and what the repositories want are as they were. The disk is looked at for every
 * request, as others may touch the files; only when a thousand requests a second come, and for bytes that are held in memory
 * anyway, the last look may be a moment old: it is a quarter of what such a request costs (measured).
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/store.ts";
import type { StoredContent } from "./stored-files.ts";

export interface RecentHits {
  /**
   * The file, if it still is what it was found to be.
   * @param held whether its bytes are in memory, so that they are whole whatever happens on disk
   */
  get(name: FileName, held: boolean): StoredContent | undefined;
  /** @param revision as it was before the file was looked for */
  put(name: FileName, stored: StoredContent, revision: number): void;
  forget(name: FileName): void;
  /** Revision of what the repositories want, now. */
  readonly revision: number;
}

export interface RecentHitsDeps {
  readonly store: Pick<Store, "isSame">;
  /** Another number whenever what the repositories want may have changed. */
  readonly revision: () => number;
  readonly clock: Pick<Clock, "now">;
}

interface RecentHit {
  readonly stored: StoredContent;
  readonly revision: number;
  /** When the disk was looked at. */
  lookedAt: number;
}

/** About half a KiB each. */
const MAX_ENTRIES = 16_384;
/** How old the last look at the disk may be while very many requests come. */
const LOOK_EVERY_MS = 100;
/** How many requests in that time count as very many. */
const MANY = 100;

/** Returns a function that says whether very many requests come just now, this one included. */
function createRush(): (now: number) => boolean {
  let startedAt = 0;
  let count = 0;
  let before = 0;
  return (now) => {
    const elapsed = Math.abs(now - startedAt);
    if (elapsed >= LOOK_EVERY_MS) {
      before = elapsed < 2 * LOOK_EVERY_MS ? count : 0;
      startedAt = now;
      count = 0;
    }
    count++;
    return before > MANY;
  };
}

export function createRecentHits({ store, revision, clock }: RecentHitsDeps): RecentHits {
  /** The entry put longest ago first. */
  const entries = new Map<FileName, RecentHit>();

  const isRush = createRush();

  return {
    get(name, held) {
      const now = clock.now();
      const rush = isRush(now);
      const entry = entries.get(name);
      if (entry === undefined) return undefined;
      if (entry.revision === revision()) {
        if (rush && held && Math.abs(now - entry.lookedAt) < LOOK_EVERY_MS) return entry.stored;
        if (store.isSame(entry.stored.file)) {
          entry.lookedAt = now;
          return entry.stored;
        }
      }
      entries.delete(name);
      return undefined;
    },
    put(name, stored, before) {
      if (before !== revision()) return;
      entries.delete(name);
      entries.set(name, { stored, revision: before, lookedAt: clock.now() });
      const [oldest] = entries.size > MAX_ENTRIES ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
    },
    forget: (name) => entries.delete(name),
    get revision() {
      return revision();
    },
  };
}
