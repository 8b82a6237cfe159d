/**
 * Stored files that were found right, by name: so that the next request for one asks neither the index nor a hash. What is
 * known of a file holds while its stamp on disk, its row and what the trees want are as they were.
 */
import type { DistfileName } from "../distfile/name.ts";
import type { Store } from "../store/store.ts";
import type { StoredDistfile } from "./stored.ts";

export interface KnownFiles {
  /** The file, if it still is what it was found to be; looks at the disk each time, as others may touch it. */
  get(name: DistfileName): StoredDistfile | undefined;
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
}

interface Entry {
  readonly stored: StoredDistfile;
  readonly revision: number;
}

/** About half a KiB each. */
const MOST = 16_384;

export function createKnownFiles({ store, revision }: KnownDeps): KnownFiles {
  /** Least recently found out first. */
  const entries = new Map<DistfileName, Entry>();

  return {
    get(name) {
      const entry = entries.get(name);
      if (entry === undefined) return undefined;
      if (entry.revision === revision() && store.isSame(entry.stored.file)) return entry.stored;
      entries.delete(name);
      return undefined;
    },
    put(name, stored, before) {
      if (before !== revision()) return;
      entries.delete(name);
      entries.set(name, { stored, revision: before });
      const [oldest] = entries.size > MOST ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
    },
    forget: (name) => entries.delete(name),
    get revision() {
      return revision();
    },
  };
}
