/**
 * Keeps the store within its limits: on a clock, on request, and before a download begins that would not fit.
 */
import type { Reservation } from "../distfile/reservation.ts";
import type { FileRows } from "../index/files.ts";
import type { OrphanRows } from "../index/orphans.ts";
import { formatBytes, noun } from "../lib/format.ts";
import type { Store } from "../store/store.ts";
import { type CleanOptions, type CleanReport, type CleanUpDeps, createCleanUp, createYield } from "./clean-up.ts";
import { excess, surplus } from "./policy.ts";
import { createReservations } from "./reservations.ts";

export type { CleanOptions, CleanReport } from "./clean-up.ts";

export interface EvictionDeps
  extends Omit<CleanUpDeps, "reservations" | "yieldToEventLoop" | "onRemoved" | "store" | "rows"> {
  readonly store: CleanUpDeps["store"] & Pick<Store, "freeBytes" | "leftPartBytes">;
  readonly rows: CleanUpDeps["rows"] & Pick<FileRows, "bytes">;
  readonly orphans: OrphanRows;
  /** Whether all configured repositories are there and known as they are now. */
  readonly repositoriesCurrent: () => boolean;
  /** Gets a report of each clean-up that removed something. */
  readonly onCleaned?: (report: CleanReport) => void;
}

export interface Eviction {
  /** Applies the policy now, down to the low mark. */
  clean(options?: CleanOptions): Promise<CleanReport>;
  /** Does what is due: marks orphans, removes what has expired, and what is over the limits. */
  tick(): Promise<void>;
  /** Reserves room for a file of so many bytes, made if need be; undefined where it can't be had. */
  reserve(bytes: number): Promise<Reservation | undefined>;
  /** Bytes that fit without removing anything. */
  spareBytes(): number;
  stop(): Promise<void>;
}

/** Repositories are scanned every quarter of an hour; a longer gap is time in which they could not be read. */
const SCAN_GAP_MS = 60 * 60 * 1000;
const MARK_ROWS = 20;
/** A download waits so often, and so long, for what is in use to be let go. */
const RESERVE_TRIES = 4;
const RESERVE_PAUSE_MS = 500;

export function createEviction(deps: EvictionDeps): Eviction {
  const { store, rows, orphans, limits, clock, log } = deps;
  const reservations = createReservations({
    storedBytes: () => rows.bytes() + store.leftPartBytes(),
    freeBytes: store.freeBytes,
    limits,
  });
  const stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  let makingRoom: Promise<void> | undefined;
  let waiting: (() => void)[] = [];
  const yieldToEventLoop = createYield(stopping.signal);

  function wakeWaiting(): void {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  const cleanUp = createCleanUp({ ...deps, reservations, yieldToEventLoop, onRemoved: wakeWaiting });

  async function markOrphans(signal?: AbortSignal): Promise<void> {
    if (!deps.repositoriesCurrent()) return;
    try {
      orphans.sawCurrent(clock.now(), SCAN_GAP_MS);
      for (let after: string | undefined = ""; after !== undefined; ) {
        after = orphans.mark(after, MARK_ROWS, clock.now());
        await yieldToEventLoop(signal);
      }
    } catch (error) {
      if (signal?.aborted || stopping.signal.aborted) throw error;
      // A full disk takes no notes, and is cleaned up all the same.
      log.warn("Cannot note which files no Manifest wants any more: {error}", { error });
    }
  }

  const toLowMark = () => surplus(reservations.usage(), limits());
  const isOver = () => excess(reservations.usage(), limits()) > 0;

  /** One at a time. */
  async function cleanUpInTurn(target: () => number, options: CleanOptions): Promise<CleanReport> {
    const done = running.then(() => cleanUp(target, options));
    running = done.catch(() => undefined);
    const report = await done;
    const { dryRun, total, byReason } = report;
    if (!dryRun && total.files > 0) {
      deps.onCleaned?.(report);
      log.info(
        `cleaned up: removed {files} ${noun(total.files, "file")} of {size} ({orphans} in no Manifest, {old} too old, {space} for space)`,
        {
          ...total,
          size: formatBytes(total.bytes),
          orphans: byReason.orphan.files,
          old: byReason.age.files,
          space: byReason.space.files,
        },
      );
    }
    return report;
  }

  /** Runs one clean-up for all who wait; whoever comes while it runs is counted in by it. */
  function makeRoom(): Promise<void> {
    let begun = false;
    const target = () => {
      // Over the limits it goes down to the low mark, also where those who wait have been let in meanwhile.
      begun ||= isOver();
      return begun ? toLowMark() : 0;
    };
    makingRoom ??= cleanUpInTurn(target, {})
      .then(
        () => undefined,
        (error: unknown) => {
          if (!stopping.signal.aborted) log.error("Cannot make room in the store: {error}", { error });
        },
      )
      .finally(() => {
        makingRoom = undefined;
      });
    return makingRoom;
  }

  /** Reserves what can be had by the end of a clean-up. */
  async function grantSoon(bytes: number): Promise<Reservation | undefined> {
    let going = true;
    const ended = makeRoom().then(() => {
      going = false;
    });
    for (;;) {
      const granted = reservations.grant(bytes);
      if (granted || !going) return granted;
      await Promise.race([ended, new Promise<void>((resolve) => waiting.push(resolve))]);
    }
  }

  async function reserve(bytes: number): Promise<Reservation | undefined> {
    const granted = reservations.grant(bytes);
    if (granted || !reservations.canFit(bytes)) return granted;
    const unwant = reservations.want(bytes);
    try {
      for (let tries = 0; tries < RESERVE_TRIES && !stopping.signal.aborted; tries++) {
        // What is in use may be let go.
        if (tries > 0) await clock.sleep(RESERVE_PAUSE_MS, stopping.signal).catch(() => undefined);
        const made = await grantSoon(bytes);
        if (made) return made;
      }
      return undefined;
    } finally {
      unwant();
    }
  }

  return {
    async clean(options = {}) {
      await markOrphans(options.signal);
      return await cleanUpInTurn(toLowMark, options);
    },
    async tick() {
      await markOrphans();
      await cleanUpInTurn(() => (isOver() ? toLowMark() : 0), {});
    },
    reserve,
    spareBytes() {
      const { usedBytes, freeBytes } = reservations.usage();
      const { maxSize, minFree } = limits();
      return Math.min(freeBytes - minFree, maxSize === 0 ? Number.POSITIVE_INFINITY : maxSize - usedBytes);
    },
    async stop() {
      stopping.abort(new Error("portcache is shutting down"));
      await running;
      await makingRoom;
    },
  };
}
