/**
 * Holds small files in memory: a body from there costs a fraction of one that is read from disk for each request. Bounded; the
 * files asked for most often stay, one asked for once displaces none, and what nobody asks for any more is let go.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { Store, StoredFile } from "./store.ts";
import { createTinyLfu } from "./tiny-lfu.ts";

export interface MemoryCacheDeps {
  /** Most bytes to hold, as configured now; 0: none. */
  readonly limitBytes: () => number;
  /** Reads the file's bytes; undefined where it is no longer the one that was described. */
  readonly load: (file: StoredFile) => Promise<Blob | undefined>;
}

export interface MemoryCache {
  /**
   * Returns the bytes of this very file, if they are held. Counts a use, and begins to load bytes that are worth holding for the
   * next time.
   */
  use(name: FileName, file: StoredFile): Blob | undefined;
  /** Whether bytes of this name are held. */
  holds(name: FileName): boolean;
  forget(name: FileName): void;
  /** Drops files that were not asked for since the call before the last. @returns bytes freed */
  release(): number;
  /** Bytes held now. */
  readonly bytes: number;
  readonly files: number;
}

/** Far beyond it sendfile costs less than copying from memory (measured). */
const MAX_FILE_BYTES = 2 * 1024 * 1024;
/** One file gets no more than this part of the limit. */
const MAX_FILE_SHARE = 8;
/** How many names TinyLFU counts. */
const NAMES_FOLLOWED = 4096;
/** How many files are looked at to find which to displace: the cost of a request must not grow with what is held. */
const LOOKED_AT = 32;
/** How many files are read at once; others are read at their next use. */
const LOADS_AT_ONCE = 4;

interface Held {
  readonly body: Blob;
  readonly stamp: string;
  /** The period in which it was last asked for; release() begins another. */
  period: number;
}

/**
 * Reads a stored file into memory; undefined where it is not, or not for all of the reading, the one described.
 * @throws {Error} where it can't be read
 */
export async function readBody(store: Pick<Store, "isSame">, file: StoredFile): Promise<Blob | undefined> {
  const bytes = await Bun.file(file.path).bytes();
  return store.isSame(file) ? new Blob([bytes]) : undefined;
}

export function createMemoryCache({ limitBytes, load }: MemoryCacheDeps): MemoryCache {
  const lfu = createTinyLfu(NAMES_FOLLOWED);
  /** Files not looked at for longest first. */
  const held = new Map<FileName, Held>();
  const loading = new Set<FileName>();
  let bytes = 0;
  let period = 0;

  function forget(name: FileName): void {
    bytes -= held.get(name)?.body.size ?? 0;
    held.delete(name);
  }

  function shrink(limit: number): void {
    for (const name of held.keys()) {
      if (bytes <= limit) return;
      forget(name);
    }
  }

  /** The files that one of that size would displace, or undefined where they are asked for as often as it is. */
  function displacedBy(frequency: number, size: number): readonly FileName[] | undefined {
    const displaced: FileName[] = [];
    let free = limitBytes() - bytes;
    if (free >= size) return displaced;
    for (const [name, one] of [...held.entries().take(LOOKED_AT)]) {
      if (lfu.estimate(name) < frequency) {
        displaced.push(name);
        free += one.body.size;
        if (free >= size) return displaced;
      } else {
        // The next search begins behind it.
        held.delete(name);
        held.set(name, one);
      }
    }
    return undefined;
  }

  async function fill(name: FileName, file: StoredFile): Promise<void> {
    loading.add(name);
    try {
      const body = await load(file);
      if (body === undefined) return;
      const displaced = displacedBy(lfu.estimate(name), body.size);
      if (!displaced) return;
      for (const one of displaced) forget(one);
      forget(name);
      held.set(name, { body, stamp: file.stamp, period });
      bytes += body.size;
    } finally {
      loading.delete(name);
    }
  }

  return {
    use(name, file) {
      const limit = limitBytes();
      if (bytes > limit) shrink(limit);
      if (file.size > Math.min(MAX_FILE_BYTES, limit / MAX_FILE_SHARE) || file.size === 0) return undefined;
      const frequency = lfu.increment(name);
      const known = held.get(name);
      if (known?.stamp === file.stamp) {
        known.period = period;
        return known.body;
      }
      if (known) forget(name);
      if (loading.has(name) || loading.size >= LOADS_AT_ONCE) return undefined;
      // That a file can't be read is for the next request to find out.
      if (displacedBy(frequency, file.size)) void fill(name, file).catch(() => undefined);
      return undefined;
    },
    holds: (name) => held.has(name),
    forget,
    release() {
      const before = bytes;
      for (const [name, one] of held) if (one.period < period) forget(name);
      period++;
      shrink(limitBytes());
      return before - bytes;
    },
    get bytes() {
      return bytes;
    },
    get files() {
      return held.size;
    },
  };
}
