/**
 * Small files held in memory: a body from there costs a fraction of one that is read from disk for each request. Bounded;
 * those asked for most often stay, a file asked for once displaces nobody, and what nobody asks for any more is let go.
 */
import type { DistfileName } from "../distfile/name.ts";
import type { StoredFile } from "./store.ts";
import { createFrequencies } from "./tiny-lfu.ts";

export interface HotDeps {
  /** Bytes held at most, as it is set now; 0: none. */
  readonly limitBytes: () => number;
  /** The file's bytes, or undefined where it is no longer the one that was described. */
  readonly load: (file: StoredFile) => Promise<Blob | undefined>;
}

export interface HotFiles {
  /**
   * The bytes of this very file, if they are held. Counts a use, and where they are worth holding begins to load them for
   * the next time.
   */
  use(name: DistfileName, file: StoredFile): Blob | undefined;
  /** Whether bytes of that name are held. */
  holds(name: DistfileName): boolean;
  forget(name: DistfileName): void;
  /** Lets go of what was not asked for since the call before the last. @returns bytes let go */
  release(): number;
  /** Bytes held now. */
  readonly bytes: number;
  readonly files: number;
}

/** Far beyond it sendfile costs less than copying from memory (measured). */
const LARGEST_BYTES = 2 * 1024 * 1024;
/** One file gets no more than such a part of all. */
const LARGEST_SHARE = 8;
/** Names whose frequency is followed. */
const NAMES_FOLLOWED = 4096;
/** So many are looked at to find whom to displace: the cost of a request must not grow with what is held. */
const LOOKED_AT = 32;
/** Files read at once; the others have their turn at their next use. */
const LOADS_AT_ONCE = 4;

interface Held {
  readonly body: Blob;
  readonly stamp: string;
  /** In which period it was last asked for; release() begins another. */
  period: number;
}

export function createHotFiles({ limitBytes, load }: HotDeps): HotFiles {
  const frequencies = createFrequencies(NAMES_FOLLOWED);
  /** Those not looked at for longest first. */
  const held = new Map<DistfileName, Held>();
  const loading = new Set<DistfileName>();
  let bytes = 0;
  let period = 0;

  function forget(name: DistfileName): void {
    bytes -= held.get(name)?.body.size ?? 0;
    held.delete(name);
  }

  function shrink(limit: number): void {
    for (const name of held.keys()) {
      if (bytes <= limit) return;
      forget(name);
    }
  }

  /** Whom a file of that size would displace, or undefined where they are asked for as often as it is. */
  function displacedBy(frequency: number, size: number): readonly DistfileName[] | undefined {
    const displaced: DistfileName[] = [];
    let free = limitBytes() - bytes;
    if (free >= size) return displaced;
    for (const [name, one] of [...held.entries().take(LOOKED_AT)]) {
      if (frequencies.of(name) < frequency) {
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

  async function take(name: DistfileName, file: StoredFile): Promise<void> {
    loading.add(name);
    try {
      const body = await load(file);
      if (body === undefined) return;
      const displaced = displacedBy(frequencies.of(name), body.size);
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
      if (file.size > Math.min(LARGEST_BYTES, limit / LARGEST_SHARE) || file.size === 0) return undefined;
      const frequency = frequencies.count(name);
      const known = held.get(name);
      if (known?.stamp === file.stamp) {
        known.period = period;
        return known.body;
      }
      if (known) forget(name);
      if (loading.has(name) || loading.size >= LOADS_AT_ONCE) return undefined;
      // Reading what is not to be had any more is the next request's business to find out.
      if (displacedBy(frequency, file.size)) void take(name, file).catch(() => undefined);
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
