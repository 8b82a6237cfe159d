/**
 * Puts together what looks after the store: clean-up and scrub, each on its clock.
 */

import { createScrub } from "../actions/scrub.ts";
import type { Verify } from "../actions/verify-distfiles.ts";
import { scrubBoth, type VerifyOthers } from "../actions/verify-mirror-files.ts";
import { createInUse, type InUse } from "../cache/in-use.ts";
import type { Config } from "../config/schema.ts";
import type { Reservation } from "../distfile/reservation.ts";
import { type CleanReport, createEvict, type Evict } from "../eviction/evict.ts";
import type { DistfileRows } from "../index/files.ts";
import type { IndexDatabase } from "../index/open.ts";
import { createOrphanRows } from "../index/orphans.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Hosts } from "../mirrors/hosts.ts";
import type { ConfiguredRepositories } from "../repos/repositories.ts";
import type { Store } from "../store/store.ts";
import { bothKinds, type MirrorFileParts } from "./compose-mirror-files.ts";
import { createStoreHealth } from "./store-health.ts";

export interface StoreParts {
  readonly storage: () => Config["storage"];
  readonly mirrors: () => readonly string[];
  readonly store: Store;
  readonly rows: DistfileRows;
  /** What else is stored. */
  readonly others: MirrorFileParts;
  readonly db: IndexDatabase;
  readonly configuredRepositories: ConfiguredRepositories;
  readonly hosts: Hosts;
  readonly onCleaned: (report: CleanReport) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ComposedStore {
  readonly evict: Evict;
  readonly inUse: InUse;
  /** Room for a file of so many bytes, made if need be; undefined where it can't be had. */
  reserve(bytes: number): Promise<Reservation | undefined>;
  /** Told when the store does not take bytes, and with undefined when it has taken a file again. */
  onTrouble(error: unknown): void;
  /** What the store can't do now, or undefined. */
  degradedReason(): string | undefined;
  /** Begins to look after the store; the trees and the store have been looked through. */
  start(verify: Verify, verifyOthers: VerifyOthers): void;
  stop(): Promise<void>;
}

/** As the trees are looked at: what no Manifest wants any more is known by then. */
const TICK_EVERY_MS = 15 * 60 * 1000;
/** How much harder than from a mirror it is to get a file again: from its author's host, from one that is out of order
 * now, and where nobody knows whence it came, as after an import. */
const FROM_ELSEWHERE = 2;
const FROM_OUT_OF_ORDER = 8;
const FROM_NOWHERE = 8;

/** Whether all trees that are configured are there and were read without trouble. */
function areWell({ scans, discovered, scanned }: ConfiguredRepositories): boolean {
  const { repositories, problems } = discovered();
  if (!scanned() || repositories.length === 0 || problems.length > 0) return false;
  return scans.status().every(({ problem, unreadable }) => problem === undefined && unreadable === 0);
}

/** The beginning of a URL up to its path. */
function originOf(url: string): string {
  const path = url.indexOf("/", url.indexOf("://") + 3);
  return path < 0 ? url : url.slice(0, path);
}

export function composeStore(parts: StoreParts): ComposedStore {
  const { storage, mirrors, store, rows, db, configuredRepositories, hosts, clock, log } = parts;
  const inUse = createInUse(clock);

  function scarcity(source: string): number {
    if (source === "") return FROM_NOWHERE;
    if (mirrors().some((mirror) => source.startsWith(mirror))) return 1;
    const works = hosts.at(originOf(source)).expectedMs(1) !== undefined;
    return works ? FROM_ELSEWHERE : FROM_OUT_OF_ORDER;
  }

  const evict = createEvict({
    ...bothKinds({ store, rows }, parts.others),
    orphans: createOrphanRows(db),
    limits() {
      const { max_size, min_free, max_age, orphan_grace } = storage();
      return { maxSize: max_size, minFree: min_free, maxAgeMs: max_age, orphanGraceMs: orphan_grace };
    },
    keep: () => storage().keep,
    scarcity,
    treesWell: () => areWell(configuredRepositories),
    inUse: inUse.has,
    onCleaned: parts.onCleaned,
    clock,
    log,
  });
  const stopping = new AbortController();
  let scrubbing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();

  async function tick(): Promise<void> {
    try {
      await evict.tick();
    } catch (error) {
      if (!stopping.signal.aborted) log.error("Cannot clean up: {error}", { error });
    }
  }

  function tickNext(): void {
    ticking = ticking.then(tick);
  }

  const trouble = createStoreHealth({ store, room: evict.room, log });

  async function reserve(bytes: number): Promise<Reservation | undefined> {
    const reservation = await evict.reserve(bytes);
    const { max_size } = storage();
    if (reservation || stopping.signal.aborted) return reservation;
    if (max_size > 0 && bytes > max_size)
      log.info("{bytes} bytes are more than max_size, passed on unstored", { bytes });
    else trouble.report(new Error(`no room can be made for ${bytes} bytes within max_size and min_free`));
    return undefined;
  }

  return {
    evict,
    inUse,
    reserve,
    onTrouble: trouble.report,
    degradedReason: trouble.degradedReason,
    start(verify, verifyOthers) {
      tickNext();
      timer = setInterval(tickNext, TICK_EVERY_MS);
      const both = scrubBoth(verify, rows, verifyOthers, parts.others);
      scrubbing = createScrub({ ...both, everyMs: () => storage().scrub, clock, log }).run(stopping.signal);
    },
    async stop() {
      clearInterval(timer);
      stopping.abort(new Error("portcache is shutting down"));
      trouble.stop();
      await Promise.all([evict.stop(), ticking, scrubbing]);
    },
  };
}
