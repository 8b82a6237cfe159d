/**
 * Stored files that were found right, by name: so that the next request for one asks neither the index nor a hash. What is
 * known of a file holds while its stamp on disk, its row and what the trees want are as they were. The disk is looked at
 * for every request, as others may touch the files; only when a thousand requests a second come, and for bytes that are
 * held in memory anyway, the last look may be a moment old: it is a quarter of what such a request costs (measured).
 */
import type { DistfileName } from "../distfile/name.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/store.ts";
import type { StoredDistfile } from "./stored-files.ts";

export interface KnownFiles {
  /**
   * The file, if it still is what it was found to be.
   * @param held whether its bytes are in memory, so that they are whole whatever happens on disk
   */
  get(name: DistfileName, held: boolean): StoredDistfile | undefined;
  /** @param revision as it was before the file was looked for */
  put(name: DistfileName, stored: StoredDistfile, revision: number): void;
  forget(name: DistfileName): void;
  /** Of what the trees want, now. */
  readonly revision: number;
}

export interface KnownDeps {
  readonly store: Pick<Store, "isSame">;
  /** Another number whenever what the trees want may have changed. */
  readonly revision: () => number;
  readonly clock: Pick<Clock, "now">;
}

interface Entry {
  readonly stored: StoredDistfile;
  readonly revision: number;
  /** When the disk was looked at. */
  lookedAt: number;
}

/** About half a KiB each. */
const MOST = 16_384;
/** How old the last look at the disk may be while very many requests come. */
const LOOK_EVERY_MS = 100;
/** So many in that time are very many. */
const MANY = 100;

/** Whether very many come just now, this one included. */
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

export function createKnownFiles({ store, revision, clock }: KnownDeps): KnownFiles {
  /** Least recently found out first. */
  const entries = new Map<DistfileName, Entry>();

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
      const [oldest] = entries.size > MOST ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
    },
    forget: (name) => entries.delete(name),
    get revision() {
      return revision();
    },
  };
}
