/**
 * Puts together the store: rows, recent hits and the memory cache, kept in step; clean-up and scrub, each on its timer; health.
 */
import { createScrub } from "../actions/scrub.ts";
import type { Verify } from "../actions/verify-files.ts";
import { createInUse, type InUse } from "../cache/in-use.ts";
import { createRecentHits, type RecentHits } from "../cache/recent-hits.ts";
import type { Config } from "../config/schema.ts";
import type { Reservation } from "../distfile/reservation.ts";
import { type ClockWatch, createClockWatch } from "../eviction/clock-watch.ts";
import { type CleanReport, createEviction, type Eviction } from "../eviction/evict.ts";
import { createFileTimes } from "../index/file-times.ts";
import { createFileRows, type FileRows } from "../index/files.ts";
import type { IndexDatabase } from "../index/open.ts";
import { createOrphanRows } from "../index/orphans.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Hosts } from "../mirrors/hosts.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import type { ConfiguredRepositories } from "../repos/repositories.ts";
import { createMemoryCache, type MemoryCache, readBody } from "../store/memory-cache.ts";
import type { Store } from "../store/store.ts";
import { createStoreHealth } from "./store-health.ts";

export interface StoreParts {
  readonly storage: () => Config["storage"];
  readonly mirrors: () => readonly string[];
  readonly store: Store;
  readonly db: IndexDatabase;
  /** Changes whenever the files that the repositories want may have changed. */
  readonly repositoriesRevision: () => number;
  readonly configuredRepositories: ConfiguredRepositories;
  readonly hosts: Hosts;
  readonly onCleaned: (report: CleanReport) => void;
  readonly clock: Clock;
  /** Milliseconds of a clock that nobody can set; performance.now() by default. */
  readonly monotonicMs?: (() => number) | undefined;
  readonly log: Logger;
}

export interface ComposedStore {
  readonly rows: FileRows;
  readonly recentHits: RecentHits;
  readonly memoryCache: MemoryCache;
  readonly eviction: Eviction;
  readonly inUse: InUse;
  /** Reserves room for a file, removing others if need be; undefined if there is none. */
  reserve(bytes: number): Promise<Reservation | undefined>;
  /** Takes the error with which the store refused bytes; undefined when it has stored a file. */
  onTrouble(error: unknown): void;
  /** Returns why the store takes no files; undefined while it does. */
  degradedReason(): string | undefined;
  /** To be flushed before what was used lately: those times are by the clock as it is set now. */
  readonly clockWatch: Pick<ClockWatch, "flush">;
  /** Starts clean-up and scrub; the repositories and the store have been scanned. */
  start(verify: Verify): void;
  stop(): Promise<void>;
}

/** As often as repositories are rescanned: new orphans are known by then. */
const DAY_MS = 24 * 60 * 60 * 1000;
const TICK_EVERY_MS = 15 * 60 * 1000;
/** Cost of fetching a file again, relative to a mirror: from a host of SRC_URI, from a host that is unavailable now, and from an
 * unknown source, as after an import. */
const SRC_URI_COST = 2;
const UNAVAILABLE_COST = 8;
const UNKNOWN_COST = 8;

/** Tells whether all configured repositories are there and were read without problems. */
function areCurrent({ scans, discovered, scanned }: ConfiguredRepositories): boolean {
  const { repositories, problems } = discovered();
  if (!scanned() || repositories.length === 0 || problems.length > 0) return false;
  return scans.status().every(({ problem, unreadable }) => problem === undefined && unreadable === 0);
}

/** Returns the URL up to its path. */
function originOf(url: string): string {
  const path = url.indexOf("/", url.indexOf("://") + 3);
  return path < 0 ? url : url.slice(0, path);
}

export function composeStore(parts: StoreParts): ComposedStore {
  const { storage, mirrors, store, db, configuredRepositories, hosts, clock, log } = parts;
  const inUse = createInUse(clock);
  const recentHits = createRecentHits({ store, revision: parts.repositoriesRevision, clock });
  const memoryCache = createMemoryCache({ limitBytes: () => storage().memory, load: (file) => readBody(store, file) });
  const rows = createFileRows(db, (name) => {
    recentHits.forget(name);
    memoryCache.forget(name);
  });

  function refetchCost(source: string): number {
    if (source === "") return UNKNOWN_COST;
    if (mirrors().some((mirror) => source.startsWith(`${mirrorKey(mirror)}/`))) return 1;
    const isAvailable = hosts.at(originOf(source)).expectedMs(1) !== undefined;
    return isAvailable ? SRC_URI_COST : UNAVAILABLE_COST;
  }

  const clockWatch = createClockWatch({
    times: createFileTimes(db),
    clock,
    monotonicMs: parts.monotonicMs ?? (() => performance.now()),
    log,
  });
  const eviction = createEviction({
    store: {
      ...store,
      // The disk has times of its own, which do not move with the clock.
      sweepParts: (before) => (clockWatch.wasSetWithin(DAY_MS) ? 0 : store.sweepParts(before)),
    },
    rows,
    orphans: createOrphanRows(db),
    limits() {
      const { max_size, min_free, max_age, orphan_grace } = storage();
      return { maxSize: max_size, minFree: min_free, maxAgeMs: max_age, orphanGraceMs: orphan_grace };
    },
    keep: () => storage().keep,
    refetchCost,
    repositoriesCurrent: () => areCurrent(configuredRepositories),
    inUse: inUse.has,
    onCleaned: parts.onCleaned,
    clock: clockWatch.clock,
    log,
  });
  const stopping = new AbortController();
  let scrubbing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();

  async function tick(): Promise<void> {
    try {
      await eviction.tick();
    } catch (error) {
      if (!stopping.signal.aborted) log.error("Cannot clean up: {error}", { error });
    }
  }

  function tickNext(): void {
    ticking = ticking.then(tick);
  }

  const health = createStoreHealth({ store, room: eviction.spareBytes, log });

  async function reserve(bytes: number): Promise<Reservation | undefined> {
    const reservation = await eviction.reserve(bytes);
    const { max_size } = storage();
    if (reservation || stopping.signal.aborted) return reservation;
    if (max_size > 0 && bytes > max_size)
      log.info("{bytes} bytes are more than max_size: passed through unstored", { bytes });
    else health.report(new Error(`no room can be made for ${bytes} bytes within max_size and min_free`));
    return undefined;
  }

  return {
    rows,
    recentHits,
    memoryCache,
    eviction,
    inUse,
    reserve,
    onTrouble: health.report,
    degradedReason: health.degradedReason,
    clockWatch,
    start(verify) {
      tickNext();
      timer = setInterval(tickNext, TICK_EVERY_MS);
      scrubbing = createScrub({ verify, rows, everyMs: () => storage().scrub, clock: clockWatch.clock, log }).run(
        stopping.signal,
      );
    },
    async stop() {
      clearInterval(timer);
      stopping.abort(new Error("portcache is shutting down"));
      health.stop();
      await Promise.all([eviction.stop(), ticking, scrubbing]);
    },
  };
}
