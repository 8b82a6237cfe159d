/**
 * Puts together the store: rows, recent hits and the memory cache, kept in step; clean-up and scrub, each on its timer; health.
 */
import { createScrub } from "../actions/scrub.ts";
import type { Verify } from "../actions/verify-files.ts";
import { createInUse, type InUse } from "../cache/in-use.ts";
import { createRecentHits, type RecentHits } from "../cache/recent-hits.ts";
import type { Config } from "../config/schema.ts";
import type { Reserve, RoomRequest, StoreRoom } from "../distfile/reservation.ts";
import { type ClockWatch, createClockWatch } from "../eviction/clock-watch.ts";
import { type CleanUpReport, createEviction, type Eviction } from "../eviction/evict.ts";
import type { LimitState } from "../eviction/policy.ts";
import { createFileTimes } from "../index/file-times.ts";
import { createFileRows, type FileRows } from "../index/files.ts";
import type { IndexDatabase } from "../index/open.ts";
import { createOrphanRows } from "../index/orphans.ts";
import type { Clock } from "../lib/clock.ts";
import { codeOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { Hosts } from "../mirrors/hosts.ts";
import { mirrorKey } from "../mirrors/mirrors.ts";
import type { ConfiguredRepositories } from "../repos/repositories.ts";
import { createMemoryCache, type MemoryCache, readBody } from "../store/memory-cache.ts";
import type { Volume } from "../store/partial-folders.ts";
import type { Store } from "../store/store.ts";
import type { ComposedRepositories } from "./compose-repos.ts";
import { createStoreHealth } from "./store-health.ts";
import { noSpaceReason, unmeetableReason } from "./unmeetable-limits.ts";

export interface StoreParts {
  /** Values may change. */
  readonly config: Pick<Config, "storage" | "fetcher">;
  readonly store: Store;
  readonly index: { readonly db: IndexDatabase };
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ComposedStore {
  readonly rows: FileRows;
  readonly recentHits: RecentHits;
  readonly memoryCache: MemoryCache;
  readonly eviction: Eviction;
  readonly inUse: InUse;
  readonly room: StoreRoom;
  /** Takes the error with which the store refused bytes; undefined when it has stored a file. */
  onTrouble(error: unknown): void;
  /** Returns why the store takes no files; undefined while it does. */
  degradedReason(): string | undefined;
  /** Returns why no file can ever be stored under the limits; undefined where some can. */
  unmeetableReason(): string | undefined;
  /** To be flushed before what was used lately: those times are by the clock as it is set now. */
  readonly clockWatch: Pick<ClockWatch, "flush">;
  /** Returns whether the clock was set within the last day: no age is trusted until then. */
  wasClockSet(): boolean;
  /** Starts clean-up and scrub; the repositories and the store have been scanned. */
  start(verify: Verify): void;
  stop(): Promise<void>;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** As often as repositories are rescanned: new orphans are known by then. */
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

/** Returns why this file in particular is not stored; undefined where the store has no room. */
function unstoredReason(
  { bytes, verified }: RoomRequest,
  obstacles: readonly LimitState[],
  maxSize: number,
): string | undefined {
  if (maxSize > 0 && bytes > maxSize) return `${bytes} bytes are more than storage.max_size`;
  if (!verified && obstacles.some(({ kind }) => kind === "unverified")) {
    return `${bytes} bytes are more than storage.unverified_share has room for`;
  }
  return undefined;
}

function noRoomReason(
  bytes: number,
  obstacles: readonly LimitState[],
  volumes: readonly Volume[],
  minFree: number,
): string {
  if (obstacles.some(({ kind }) => kind === "inodes"))
    return "too few inodes are free on the file system, and none can be freed";
  const short = obstacles.find(({ kind }) => kind === "free")?.volume;
  const volume = short === undefined ? undefined : volumes[short];
  const why = volume ? `: ${noSpaceReason(volume, minFree)}` : " within max_size and min_free";
  return `cannot make room for ${bytes} bytes${why}`;
}

/** @param onCleaned called after each clean-up */
export function composeStore(
  parts: StoreParts,
  repositories: ComposedRepositories,
  hosts: Hosts,
  onCleaned: (report: CleanUpReport) => void,
): ComposedStore {
  const { config, store, clock, log } = parts;
  const { db } = parts.index;
  const { configured } = repositories;
  const inUse = createInUse(clock);
  const recentHits = createRecentHits({ store, revision: () => repositories.rows.revision, clock });
  const limitBytes = () => config.storage.memory;
  const memoryCache = createMemoryCache({ limitBytes, load: (file) => readBody(store, file) });
  const rows = createFileRows(db, (name) => {
    recentHits.forget(name);
    memoryCache.forget(name);
  });

  function refetchCost(source: string): number {
    if (source === "") return UNKNOWN_COST;
    if (config.fetcher.mirrors.some((mirror) => source.startsWith(`${mirrorKey(mirror)}/`))) return 1;
    const isAvailable = hosts.at(originOf(source)).expectedMs(1) !== undefined;
    return isAvailable ? SRC_URI_COST : UNAVAILABLE_COST;
  }

  const monotonicMs = () => performance.now();
  const clockWatch = createClockWatch({ times: createFileTimes(db), clock, monotonicMs, log });
  const wasClockSet = () => clockWatch.wasSetWithin(DAY_MS);
  const orphans = createOrphanRows(db, rows.becameWanted);
  let hasRepositories = orphans.currentAt() !== undefined;

  /** Where there never was a repository there is nothing to keep the room for. */
  function unverifiedShare(): number {
    hasRepositories ||= configured.discovered().repositories.length > 0;
    return hasRepositories ? config.storage.unverified_share / 100 : 1;
  }

  const eviction = createEviction({
    store: {
      ...store,
      // The disk has times of its own, which do not move with the clock.
      sweepParts: (before, dryRun) => (wasClockSet() ? 0 : store.sweepParts(before, dryRun)),
    },
    rows,
    orphans,
    limits() {
      const { max_size, min_free, max_age, orphan_grace } = config.storage;
      const ages = { maxAgeMs: max_age, orphanGraceMs: orphan_grace };
      return { maxSize: max_size, minFree: min_free, ...ages, unverifiedShare: unverifiedShare() };
    },
    keep: () => config.storage.keep,
    refetchCost,
    repositoriesCurrent: () => areCurrent(configured),
    inUse: inUse.has,
    onCleaned,
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

  const health = createStoreHealth({ store, spareBytes: () => eviction.spareBytes(), log });

  const reserve: Reserve = async (request) => {
    const reservation = await eviction.reserve(request);
    if (reservation || stopping.signal.aborted) return reservation;
    // A file whose size is not known asks for room again and again: the download says when it gets none.
    if (!request.sized) return undefined;
    const { name: file, bytes } = request;
    const why = unstoredReason(request, eviction.obstacles(request), config.storage.max_size);
    if (why === undefined) {
      const obstacles = eviction.obstacles(request);
      health.report(new Error(noRoomReason(bytes, obstacles, store.volumes(), config.storage.min_free)));
    } else log.info("{file} is passed through unstored: {why}", { file, why });
    return undefined;
  };

  function onTrouble(error: unknown): void {
    if (error !== undefined) eviction.refused(error);
    const isOutOfInodes = codeOf(error) === "ENOSPC" && store.volumes().some(({ freeInodes }) => freeInodes === 0);
    health.report(isOutOfInodes ? new Error("no inodes left on the file system") : error);
  }

  return {
    rows,
    recentHits,
    memoryCache,
    eviction,
    inUse,
    room: { reserve, canFit: eviction.canFit },
    onTrouble,
    degradedReason: health.degradedReason,
    unmeetableReason() {
      const reasons = store.volumes().map((volume) => unmeetableReason(volume, config.storage.min_free));
      const reason = reasons.find((one) => one !== undefined);
      return reason === undefined ? undefined : `the store takes no files: the ${reason}`;
    },
    clockWatch,
    wasClockSet,
    start(verify) {
      tickNext();
      timer = setInterval(tickNext, TICK_EVERY_MS);
      scrubbing = createScrub({ verify, rows, everyMs: () => config.storage.scrub, clock: clockWatch.clock, log }).run(
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
