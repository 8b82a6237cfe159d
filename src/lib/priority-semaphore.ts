/**
 * At most so many at once, and a fair order among those that wait: short work is not stuck behind long work, work that somebody
 * waits for goes before work ahead of need, and nobody waits for ever.
 */

export interface Work {
  /** How much there is to do, in bytes. */
  readonly bytes: number;
  /** Whether somebody waits for it. */
  readonly urgent: boolean;
  /** When it was asked for, in milliseconds of any clock that does not go back. */
  readonly askedAt: number;
}

/** Work above this is long. */
export const LONG_BYTES = 32 * 1024 * 1024;
/** So much work makes up for one second of waiting. */
const BYTES_PER_MS = 10_000;

/** Of so many places long work takes no more than this, so that short work finds one. */
export function longPlaces(places: number): number {
  return Math.max(1, places - Math.max(1, Math.floor(places / 4)));
}

/**
 * Whose turn it is (pure): among those that somebody waits for, who would be done first had each begun when it was asked for.
 * @param places in all; where fewer are free than that, `running` has them
 * @returns the index of one that waits, undefined where none may begin now
 */
export function nextTurn(waiting: readonly Work[], running: readonly Work[], places: number): number | undefined {
  if (running.length >= places) return undefined;
  const isLongFull = running.filter(({ bytes }) => bytes > LONG_BYTES).length >= longPlaces(places);
  const doneAt = ({ askedAt, bytes }: Work) => askedAt + bytes / BYTES_PER_MS;
  const eligible = [...waiting.entries()].filter(([, { bytes }]) => !isLongFull || bytes <= LONG_BYTES);
  const [first] = eligible.toSorted(
    ([, a], [, b]) => Number(b.urgent) - Number(a.urgent) || doneAt(a) - doneAt(b) || a.askedAt - b.askedAt,
  );
  return first?.[0];
}

/** A place in the queue, and later one of those at work. */
export interface Turn {
  /** Resolves when it may begin, with a function to be called when it is done (twice does nothing more). */
  readonly begun: Promise<() => void>;
  /** Somebody waits for it from now on. */
  urge(): void;
}

export interface Turns {
  ask(work: Pick<Work, "bytes" | "urgent">): Turn;
  /** How many wait. */
  readonly waiting: number;
}

/** @param places how many there are now; asked at each change */
export function createTurns(places: () => number): Turns {
  interface Entry {
    work: Work;
    readonly begin: (done: () => void) => void;
  }
  const waiting: Entry[] = [];
  const running = new Set<Entry>();

  function fill(): void {
    for (;;) {
      const index = nextTurn(
        waiting.map(({ work }) => work),
        [...running].map(({ work }) => work),
        places(),
      );
      const [entry] = index === undefined ? [] : waiting.splice(index, 1);
      if (!entry) return;
      running.add(entry);
      entry.begin(() => {
        if (running.delete(entry)) fill();
      });
    }
  }

  return {
    ask({ bytes, urgent }) {
      const { promise: begun, resolve: begin } = Promise.withResolvers<() => void>();
      const entry: Entry = { work: { bytes, urgent, askedAt: performance.now() }, begin };
      waiting.push(entry);
      fill();
      return {
        begun,
        urge() {
          entry.work = { ...entry.work, urgent: true };
          fill();
        },
      };
    },
    get waiting() {
      return waiting.length;
    },
  };
}
