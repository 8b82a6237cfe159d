/**
 * Notes which files are requested just now, so that clean-up leaves them alone. From the look-up to the moment in which the
 * platform has opened the file nothing but a name is held; who has the file open keeps it, whatever becomes of its name.
 */
import type { FileName } from "../distfile/mirror-path.ts";
import type { Clock } from "../lib/clock.ts";

export interface InUse {
  /** A file is looked up, or fetched, until the returned function is called. Names of which there is no file leave no trace. */
  enter(name: FileName): () => void;
  /** A file is served now, all at once. */
  note(name: FileName): void;
  /** Whether a file is in use, or was since that instant. */
  has(name: FileName, since: number): boolean;
}

/** For safety: the platform opens a file in the same turn of the event loop in which it gets the response (measured). */
const LINGER_MS = 1000;
/** A request longer ago than one or two of these is forgotten: no clean-up takes so long. */
const GENERATION_MS = 10 * 60 * 1000;

export function createInUse(clock: Clock): InUse {
  const entered = new Map<FileName, number>();
  let asked = new Map<FileName, number>();
  let askedBefore = new Map<FileName, number>();
  let begunAt = clock.now();

  function note(name: FileName): void {
    const now = clock.now();
    if (Math.abs(now - begunAt) > GENERATION_MS) {
      askedBefore = asked;
      asked = new Map();
      begunAt = now;
    }
    asked.set(name, now);
  }

  return {
    note,
    enter(name) {
      entered.set(name, (entered.get(name) ?? 0) + 1);
      let inside = true;
      return () => {
        if (!inside) return;
        inside = false;
        const left = (entered.get(name) ?? 1) - 1;
        if (left > 0) entered.set(name, left);
        else entered.delete(name);
      };
    },
    has(name, since) {
      if (entered.has(name)) return true;
      const at = asked.get(name) ?? askedBefore.get(name);
      return at !== undefined && (at >= since || Math.abs(clock.now() - at) < LINGER_MS);
    },
  };
}
