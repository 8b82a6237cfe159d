/**
 * The places that files come from, each with what is known of it: mirrors by their URL, hosts of SRC_URI by their origin.
 * Learns from every request, keeps it over restarts, tells when a place goes out of order and comes back.
 */
import type { RequestOutcome, RequestRecorder, Source } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";
import { createHostLoad, hostOf } from "./host-load.ts";
import {
  aged,
  circuitOf,
  expectedMs,
  hedgeDelayMs,
  type Knowledge,
  NOTHING_KNOWN,
  withFirstByte,
  withLateness,
  withLeastSpeed,
  withOutcome,
  withSpeed,
} from "./host-stats.ts";
import { type Candidate, MOST_PER_PLACE, priorOf, startMs } from "./selection.ts";

/** A mirror, or a host of SRC_URI, as something to fetch from. */
export interface Place extends Candidate, Pick<Source, "hedgeDelayMs" | "expectedMs" | "status" | "rangeIgnored"> {
  readonly key: string;
  /** @param bytes how many are asked for, as far as that is known; `onEnd` gets the first end of this request */
  startRequest(bytes: number | undefined, onEnd?: (outcome: RequestOutcome) => void): RequestRecorder;
}

export interface Remembered {
  readonly place: string;
  readonly known: Knowledge;
  readonly askedAt: number;
  readonly carrying: number;
}

export interface PlaceMemory {
  all(): readonly Remembered[];
  /** In one transaction. */
  putAll(places: readonly Remembered[]): void;
  forget(places: readonly string[]): void;
}

export interface Places {
  at(key: string): Place;
  /** What is known of each now, the one not looked at for longest first. */
  all(): readonly Remembered[];
  /** Virtual time of the adaptive order, which all places share. */
  levelMs: number;
  /** Writes what was learnt since the last time. */
  flush(): void;
}

export interface PlacesDeps {
  readonly memory: PlaceMemory;
  readonly clock: Clock;
  /** Told when a place goes out of order, for so long, and with undefined when it works again. */
  readonly onCircuit: (key: string, openForMs: number | undefined) => void;
}

interface State {
  known: Knowledge;
  carrying: number;
  workedMs: number;
  askedAt: number;
  /** When it ignored a range last; 0: never. */
  rangelessAt: number;
}

/** Trees name thousands of hosts, and random ones must not fill the memory. */
const MAX_PLACES = 1000;
/** Bytes per second; what is slower than this is left for a place that nothing is known of. */
const LEAST_OF_STRANGERS = 64 * 1024;
/** A server's habits change with its software. */
const RANGELESS_MS = 24 * 60 * 60_000;
const FORGET_AFTER_MS = 180 * 24 * 60 * 60_000;

export function createPlaces({ memory, clock, onCircuit }: PlacesDeps): Places {
  const states = new Map<string, State>();
  let changed = new Set<string>();
  let forgotten = new Set<string>();
  for (const { place, known, askedAt } of memory.all()) {
    if (clock.now() - known.seenAt > FORGET_AFTER_MS) forgotten.add(place);
    else states.set(place, { known, carrying: 0, workedMs: 0, askedAt, rangelessAt: 0 });
  }
  const hosts = createHostLoad();
  const prior = () => priorOf([...states.values()].map(({ known }) => known));

  function learn(key: string, state: State, known: Knowledge): void {
    const before = state.known.openUntil;
    state.known = known;
    changed.add(key);
    if (known.openUntil === before) return;
    onCircuit(key, known.openUntil === undefined ? undefined : known.openForMs);
  }

  function stateAt(key: string): State {
    const state = states.get(key) ?? {
      known: NOTHING_KNOWN,
      carrying: 0,
      workedMs: places.levelMs,
      askedAt: 0,
      rangelessAt: 0,
    };
    keep(key, state);
    return state;
  }

  /** The one not looked at for longest is at the front. Whoever holds a place may ask it long after others pushed it out. */
  function keep(key: string, state: State): void {
    states.delete(key);
    states.set(key, state);
    forgotten.delete(key);
    for (const [oldest, { carrying }] of states) {
      if (states.size <= MAX_PLACES) break;
      if (carrying > 0 || oldest === key) continue;
      states.delete(oldest);
      forgotten.add(oldest);
    }
  }

  function begin(
    key: string,
    state: State,
    bytes: number | undefined,
    onEnd: (outcome: RequestOutcome) => void,
  ): RequestRecorder {
    keep(key, state);
    const chargedMs = expectedMs(state.known, prior(), bytes ?? 0);
    state.workedMs = startMs(state.workedMs, chargedMs, places.levelMs) + chargedMs;
    state.carrying++;
    const leave = hosts.enter(key);
    const startedAt = clock.now();
    state.askedAt = startedAt;
    changed.add(key);
    let ended = false;
    let [received, sampled, waited, firstByteMs] = [0, 0, 0, 0];
    return {
      firstByte(afterMs) {
        firstByteMs = afterMs;
        if (!ended) learn(key, state, aged(withFirstByte(state.known, afterMs), clock.now()));
      },
      received(count, waitedMs) {
        // The first piece came with the answer: its time is that of the first byte.
        if (received > 0) {
          sampled += count;
          waited += waitedMs;
        }
        received += count;
      },
      end(outcome) {
        if (ended) return;
        ended = true;
        state.carrying--;
        leave();
        const timed = outcome === "late" ? withLateness(state.known, clock.now() - startedAt) : state.known;
        const measured = sampled > 0 ? withSpeed(timed, sampled, waited) : withLeastSpeed(timed, received, firstByteMs);
        learn(key, state, withOutcome(measured, outcome, clock.now()));
        // What it was charged for was a guess: now it is known what it did.
        state.workedMs += expectedMs(state.known, prior(), received) - chargedMs;
        onEnd(outcome);
      },
    };
  }

  const places: Places = {
    levelMs: 0,
    at(key) {
      const state = stateAt(key);
      const circuit = () => circuitOf(state.known, state.carrying, clock.now());
      return {
        key,
        get known() {
          return aged(state.known, clock.now());
        },
        get circuit() {
          return circuit();
        },
        get carrying() {
          return state.carrying;
        },
        get workedMs() {
          return state.workedMs;
        },
        get askedAt() {
          return state.askedAt;
        },
        status() {
          return {
            host: hostOf(key),
            available: circuit() === "closed" && hosts.carriedAt(key) < MOST_PER_PLACE,
            bytesPerSecond: state.known.bytesPerSecond,
            acceptsRanges: clock.now() - state.rangelessAt > RANGELESS_MS,
          };
        },
        rangeIgnored() {
          state.rangelessAt = clock.now();
        },
        startRequest: (bytes, onEnd = () => undefined) => begin(key, state, bytes, onEnd),
        hedgeDelayMs: () => hedgeDelayMs(state.known),
        expectedMs(bytes) {
          if (circuit() !== "closed") return undefined;
          const { bytesPerSecond = LEAST_OF_STRANGERS } = state.known;
          return expectedMs(state.known, { ...prior(), bytesPerSecond }, bytes);
        },
      };
    },
    all: () => [...states].map(([place, { known, askedAt, carrying }]) => ({ place, known, askedAt, carrying })),
    flush() {
      const batch = changed;
      const gone = forgotten;
      changed = new Set();
      forgotten = new Set();
      try {
        memory.putAll(
          [...batch].flatMap((place) => {
            const state = states.get(place);
            return state ? [{ place, known: state.known, askedAt: state.askedAt, carrying: state.carrying }] : [];
          }),
        );
        if (gone.size > 0) memory.forget([...gone]);
      } catch (error) {
        // They count next time, with what has come meanwhile.
        for (const place of batch) changed.add(place);
        for (const place of gone) forgotten.add(place);
        throw error;
      }
    },
  };
  return places;
}
