/**
 * Keeps the statistics of every host that files come from: mirrors by their URL, servers of SRC_URI by their origin. Learns from
 * each request, keeps what it learned over restarts, and reports when a host becomes unavailable and available again.
 */
import type { HostRecord, HostRows, HostStats } from "../distfile/mirror-records.ts";
import type { HostWaits, RequestOutcome, RequestRecorder, Source } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";
import {
  aged,
  type CircuitState,
  circuitState,
  expectedCostMs,
  expectedMs,
  hedgeDelayMs,
  NO_STATS,
  withFirstByte,
  withLateness,
  withLeastSpeed,
  withOutcome,
  withSpeed,
} from "./host-stats.ts";
import { type HostCandidate, MAX_REQUESTS_PER_HOST, priorOf, virtualStartMs } from "./selection.ts";

/** A mirror, or a server of SRC_URI. */
export interface Host extends HostCandidate, Pick<Source, "hedgeDelayMs" | "expectedMs" | "status" | "noteRange"> {
  /** A mirror's URL, or the origin of a server of SRC_URI. */
  readonly key: string;
  /** Estimates what asking it costs, its 404s included, where it has the file with this chance; undefined as for expectedMs(). */
  expectedCostMs(bytes: number, chance: number): number | undefined;
  /** Until when it asked not to be asked again; 0: it did not. */
  readonly waitUntil: number;
  /**
   * @param bytes how many the host is to send, as far as that is known
   * @param chance how probable it is that it has the file: one that lacks most is charged for its 404s, and asked the less
   * @param onEnd gets the outcome of this request
   */
  startRequest(bytes: number | undefined, chance?: number, onEnd?: (outcome: RequestOutcome) => void): RequestRecorder;
}

export interface Hosts {
  at(key: string): Host;
  /** Returns a record of each host as it is now, the least recently used first. */
  all(): readonly HostRecord[];
  /** Virtual time of the adaptive selection, which all hosts share. */
  virtualTimeMs: number;
  /** Writes what has changed since the last time. */
  flush(): void;
}

export interface HostsDeps {
  readonly rows: HostRows;
  readonly clock: Clock;
  readonly waits?: HostWaits;
  /** Called when a host's circuit opens, with how long it stays open, and with undefined when it closes. */
  readonly onCircuitChange: (key: string, openForMs: number | undefined) => void;
}

interface State {
  stats: HostStats;
  activeRequests: number;
  virtualFinishMs: number;
  lastRequestAt: number;
  /** When it last ignored a range, and for how long it gets none; 0: it takes them. */
  rangeIgnoredAt: number;
  rangelessMs: number;
}

/** Repositories name thousands of hosts, and random ones must not fill the memory. */
const MAX_HOSTS = 1000;
/** The speed that an unknown host is taken to have; a measured one below it is left for an unknown host. */
const UNKNOWN_BYTES_PER_SECOND = 64 * 1024;
/** No ranges are requested this long after one was ignored; each time twice as long, as it may have been one server of many. */
const FIRST_RANGELESS_MS = 10 * 60_000;
const MAX_RANGELESS_MS = 24 * 60 * 60_000;
const FORGET_AFTER_MS = 180 * 24 * 60 * 60_000;

/** HOST:PORT of a key. The limit of requests counts for all mirrors at the same one. */
function hostPortOf(key: string): string {
  return URL.canParse(key) ? new URL(key).host : key;
}

/** Counts the requests under way at each HOST:PORT. */
function createActiveRequests() {
  const active = new Map<string, number>();
  return {
    at: (key: string) => active.get(hostPortOf(key)) ?? 0,
    /** Counts one more, until the returned function is called. */
    enter(key: string): () => void {
      const host = hostPortOf(key);
      active.set(host, (active.get(host) ?? 0) + 1);
      return () => {
        const left = (active.get(host) ?? 0) - 1;
        if (left > 0) active.set(host, left);
        else active.delete(host);
      };
    },
  };
}

const NO_WAITS: HostWaits = { waitUntil: () => undefined, wait: () => undefined };

export function createHosts({ rows, clock, waits = NO_WAITS, onCircuitChange }: HostsDeps): Hosts {
  const states = new Map<string, State>();
  let changed = new Set<string>();
  let forgotten = new Set<string>();
  const records = rows.all();
  // Not by the clock, which may be wrong: hosts are old beside those that were seen last.
  const newestAt = Math.max(...records.map(({ stats }) => stats.seenAt));
  for (const { host, stats, lastRequestAt, waitUntil } of records) {
    if (waitUntil > clock.now()) waits.wait(hostPortOf(host), waitUntil);
    if (newestAt - stats.seenAt > FORGET_AFTER_MS) forgotten.add(host);
    else
      states.set(host, {
        stats,
        activeRequests: 0,
        virtualFinishMs: 0,
        lastRequestAt,
        rangeIgnoredAt: 0,
        rangelessMs: 0,
      });
  }
  const active = createActiveRequests();
  const prior = () => priorOf([...states.values()].map(({ stats }) => stats));

  function update(key: string, state: State, stats: HostStats): void {
    const before = state.stats.openUntil;
    state.stats = stats;
    changed.add(key);
    if (stats.openUntil === before) return;
    onCircuitChange(key, stats.openUntil === undefined ? undefined : stats.openForMs);
  }

  function stateAt(key: string): State {
    const state = states.get(key) ?? {
      stats: NO_STATS,
      activeRequests: 0,
      virtualFinishMs: hosts.virtualTimeMs,
      lastRequestAt: 0,
      rangeIgnoredAt: 0,
      rangelessMs: 0,
    };
    keep(key, state);
    return state;
  }

  /** Makes it the most recently used, also one that was dropped for others while a caller held it. */
  function keep(key: string, state: State): void {
    states.delete(key);
    states.set(key, state);
    forgotten.delete(key);
    for (const [oldest, { activeRequests }] of states) {
      if (states.size <= MAX_HOSTS) break;
      if (activeRequests > 0 || oldest === key) continue;
      states.delete(oldest);
      forgotten.add(oldest);
    }
  }

  function startRequest(
    key: string,
    state: State,
    bytes: number | undefined,
    chance: number,
    onEnd: (outcome: RequestOutcome) => void,
  ): RequestRecorder {
    keep(key, state);
    const chargedMs = expectedCostMs(state.stats, prior(), bytes ?? 0, chance);
    state.virtualFinishMs = virtualStartMs(state.virtualFinishMs, chargedMs, hosts.virtualTimeMs) + chargedMs;
    state.activeRequests++;
    const leave = active.enter(key);
    const startedAt = clock.now();
    state.lastRequestAt = startedAt;
    changed.add(key);
    let ended = false;
    let [received, firstBytes, sampled, waited, firstByteMs] = [0, 0, 0, 0, 0];
    return {
      firstByte(afterMs) {
        firstByteMs = afterMs;
        if (!ended) update(key, state, aged(withFirstByte(state.stats, afterMs), clock.now()));
      },
      received(count, waitedMs) {
        // The first piece came with the response: its time is that of the first byte.
        if (received === 0) firstBytes = count;
        else if (waitedMs !== undefined) {
          sampled += count;
          waited += waitedMs;
        }
        received += count;
      },
      end(outcome) {
        if (ended) return;
        ended = true;
        state.activeRequests--;
        leave();
        const timed = outcome === "late" ? withLateness(state.stats, clock.now() - startedAt) : state.stats;
        const measured =
          sampled > 0 ? withSpeed(timed, sampled, waited) : withLeastSpeed(timed, firstBytes, firstByteMs);
        update(key, state, withOutcome(measured, outcome, clock.now()));
        // The charge was an estimate: it is corrected by what the host really sent.
        state.virtualFinishMs += expectedCostMs(state.stats, prior(), received, chance) - chargedMs;
        onEnd(outcome);
      },
    };
  }

  const hosts: Hosts = {
    virtualTimeMs: 0,
    at(key) {
      const state = stateAt(key);
      const circuit = (): CircuitState => {
        if (waits.waitUntil(hostPortOf(key)) !== undefined) return "waiting";
        return circuitState(state.stats, state.activeRequests, clock.now());
      };
      return {
        key,
        get stats() {
          return aged(state.stats, clock.now());
        },
        get circuit() {
          return circuit();
        },
        get activeRequests() {
          return state.activeRequests;
        },
        get virtualFinishMs() {
          return state.virtualFinishMs;
        },
        get waitUntil() {
          return waits.waitUntil(hostPortOf(key)) ?? 0;
        },
        get lastRequestAt() {
          return state.lastRequestAt;
        },
        status() {
          return {
            host: hostPortOf(key),
            available: circuit() === "closed" && active.at(key) < MAX_REQUESTS_PER_HOST,
            bytesPerSecond: state.stats.bytesPerSecond,
            acceptsRanges: Math.abs(clock.now() - state.rangeIgnoredAt) >= state.rangelessMs,
          };
        },
        noteRange(honoured) {
          if (honoured) state.rangelessMs = 0;
          // Requests that were under way when it ignored one say nothing new.
          else if (Math.abs(clock.now() - state.rangeIgnoredAt) >= state.rangelessMs) {
            state.rangelessMs = Math.min(Math.max(2 * state.rangelessMs, FIRST_RANGELESS_MS), MAX_RANGELESS_MS);
            state.rangeIgnoredAt = clock.now();
          }
        },
        startRequest: (bytes, chance = 1, onEnd = () => undefined) => startRequest(key, state, bytes, chance, onEnd),
        hedgeDelayMs: () => hedgeDelayMs(state.stats),
        expectedCostMs(bytes, chance) {
          return circuit() === "closed" ? expectedCostMs(state.stats, prior(), bytes, chance) : undefined;
        },
        expectedMs(bytes) {
          if (circuit() !== "closed") return undefined;
          const { bytesPerSecond = UNKNOWN_BYTES_PER_SECOND } = state.stats;
          return expectedMs(state.stats, { ...prior(), bytesPerSecond }, bytes);
        },
      };
    },
    all: () =>
      [...states].map(([host, { stats, lastRequestAt, activeRequests }]) => {
        return { host, stats, lastRequestAt, activeRequests, waitUntil: waits.waitUntil(hostPortOf(host)) ?? 0 };
      }),
    flush() {
      const batch = changed;
      const gone = forgotten;
      changed = new Set();
      forgotten = new Set();
      try {
        rows.putAll(hosts.all().filter(({ host }) => batch.has(host)));
        if (gone.size > 0) rows.forget([...gone]);
      } catch (error) {
        // Written next time, with what has changed meanwhile.
        for (const key of batch) changed.add(key);
        for (const key of gone) forgotten.add(key);
        throw error;
      }
    },
  };
  return hosts;
}
