/**
 * Keeps the store within its limits: on a clock, on request, and before a download begins that would not fit.
 */
import type { Reservation, Reserve, RoomRequest } from "../distfile/reservation.ts";
import type { FileRows } from "../index/files.ts";
import type { OrphanRows } from "../index/orphans.ts";
import { codeOf } from "../lib/error-reason.ts";
import { formatBytes, noun } from "../lib/format.ts";
import type { Store } from "../store/store.ts";
import {
  type CleanOptions,
  type CleanUpDeps,
  type CleanUpGoal,
  type CleanUpReport,
  createCleanUp,
  createYield,
} from "./clean-up.ts";
import {
  INODES_PER_FILE,
  isSameLimit,
  type LimitState,
  type Limits,
  limitStates,
  minFreeInodes,
  type Usage,
} from "./policy.ts";
import { createRemovedFiles } from "./removed-files.ts";
import { createReservations } from "./reservations.ts";

export type { CleanOptions, CleanUpReport } from "./clean-up.ts";

export interface EvictionDeps
  extends Omit<
    CleanUpDeps,
    "reservations" | "removedFiles" | "yieldToEventLoop" | "onRemoved" | "store" | "rows" | "limits"
  > {
  readonly store: CleanUpDeps["store"] & Pick<Store, "volumes" | "leftPartBytes" | "stat">;
  readonly rows: CleanUpDeps["rows"] & Pick<FileRows, "forget" | "bytes" | "unverifiedBytes" | "count">;
  /** The limits as configured. */
  readonly limits: () => Omit<Limits, "maxFiles">;
  readonly orphans: OrphanRows;
  /** Whether all configured repositories are there and known as they are now. */
  readonly repositoriesCurrent: () => boolean;
  /** Gets a report of each clean-up that removed something. */
  readonly onCleaned?: (report: CleanUpReport) => void;
}

export interface Eviction {
  /** Applies the policy now, down to the low mark. */
  clean(options?: CleanOptions): Promise<CleanUpReport>;
  /** Does what is due: marks orphans, removes what has expired, and what is over the limits. */
  tick(): Promise<void>;
  reserve: Reserve;
  /** Whether a file would fit if everything else that may go for it were gone. */
  canFit(request: RoomRequest): boolean;
  /** Returns the limits that stand in the way of a file now. */
  obstacles(request: RoomRequest): readonly LimitState[];
  /** Takes the error with which the file system refused a file or bytes. For a quota's sake, of which statfs(2) says nothing, a tenth goes. */
  refused(error: unknown): void;
  /**
   * Returns how many bytes of verified files fit without removing anything; none where there is no room for more files.
   * @param files how many more are to fit; 0 by default
   */
  spareBytes(files?: number): number;
  stop(): Promise<void>;
}

/** Repositories are scanned every quarter of an hour; a longer gap is time in which they could not be read. */
const SCAN_GAP_MS = 60 * 60 * 1000;
const MARK_ROWS = 20;
/** How often, and how long, a download waits for files in use to be let go. */
const RESERVE_TRIES = 4;
const RESERVE_PAUSE_MS = 500;

const NO_QUOTA = { maxSize: Number.POSITIVE_INFINITY, maxFiles: Number.POSITIVE_INFINITY };

export function createEviction(deps: EvictionDeps): Eviction {
  const { store, rows, orphans, clock, log } = deps;
  /** What a quota allows, while room is made because it refused more. */
  let quota = NO_QUOTA;

  function limits(): Limits {
    const configured = deps.limits();
    const { maxSize, maxFiles } = quota;
    const most = Math.min(
      configured.maxSize === 0 ? Number.POSITIVE_INFINITY : configured.maxSize,
      Math.max(1, maxSize),
    );
    return { ...configured, maxSize: Number.isFinite(most) ? most : 0, maxFiles };
  }

  const { leftPartBytes, volumes, volumeOf } = store;
  const removedFiles = createRemovedFiles(rows, store.stat);
  const reservations = createReservations({ rows: removedFiles, leftPartBytes, volumes, volumeOf, limits });
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

  const cleanUp = createCleanUp({
    ...deps,
    removedFiles,
    limits,
    reservations,
    yieldToEventLoop,
    onRemoved: wakeWaiting,
  });

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

  const statesOf = (usage: Usage) => limitStates(usage, limits());

  /** Applies all limits, down to the low marks. What a Manifest may vouch for that could not be read is not held against a file. */
  const toLowMarks: CleanUpGoal = (usage) =>
    statesOf(usage).filter(({ kind }) => kind !== "unverified" || deps.repositoriesCurrent());

  /** Applies the limits that were passed meanwhile, down to the low marks, also where those who wait have been let in by now. */
  function passedLimits(all: CleanUpGoal): CleanUpGoal {
    const passed: LimitState[] = [];
    const passedByVerified: LimitState[] = [];
    const isAmong = (limits: readonly LimitState[], one: LimitState) => limits.some((other) => isSameLimit(one, other));
    return (usage) => {
      const verified = statesOf(reservations.verifiedUsage());
      passedByVerified.push(...verified.filter(({ over }) => over > 0));
      return all(usage).flatMap((one) => {
        if (one.over > 0 && !isAmong(passed, one)) passed.push(one);
        if (!isAmong(passed, one)) return [];
        // For the sake of what no Manifest vouches for, no more than it needs goes of the rest.
        const isDeep = one.kind === "unverified" || isAmong(passedByVerified, one);
        return isDeep ? [one] : [{ ...one, surplus: one.over }];
      });
    };
  }

  /** One at a time. */
  async function cleanUpInTurn(goal: CleanUpGoal, options: CleanOptions): Promise<CleanUpReport> {
    const done = running.then(() => cleanUp(goal, options));
    running = done.catch(() => undefined);
    const report = await done;
    const { dryRun, total, byReason } = report;
    if (!dryRun && total.files > 0) {
      deps.onCleaned?.(report);
      log.info(
        `Cleaned up: removed {files} ${noun(total.files, "file")} of {size} ({orphans} in no Manifest, {old} too old, {space} for space)`,
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

  /** Runs one clean-up for all who wait, including those who come while it runs. */
  function makeRoom(): Promise<void> {
    makingRoom ??= cleanUpInTurn(passedLimits(statesOf), {})
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
  async function grantSoon(request: RoomRequest): Promise<Reservation | undefined> {
    let going = true;
    const ended = makeRoom().then(() => {
      going = false;
    });
    for (;;) {
      const granted = reservations.grant(request);
      if (granted || !going) return granted;
      await Promise.race([ended, new Promise<void>((resolve) => waiting.push(resolve))]);
    }
  }

  async function reserve(request: RoomRequest): Promise<Reservation | undefined> {
    const granted = reservations.grant(request);
    if (granted || !request.sized || !reservations.canFit(request)) return granted;
    const unwant = reservations.want(request);
    try {
      for (let tries = 0; tries < RESERVE_TRIES && !stopping.signal.aborted; tries++) {
        // What is in use may be let go.
        if (tries > 0) await clock.sleep(RESERVE_PAUSE_MS, stopping.signal).catch(() => undefined);
        const made = await grantSoon(request);
        if (made) return made;
      }
      return undefined;
    } finally {
      unwant();
    }
  }

  function refused(error: unknown): void {
    const code = codeOf(error);
    const isOfFile = error instanceof Error && "syscall" in error && error.syscall === "open";
    // Bytes are made room of by who writes them.
    if (stopping.signal.aborted || !(code === "EDQUOT" || (code === "ENOSPC" && isOfFile))) return;
    if (code === "EDQUOT") {
      // A file that can't even be opened may lack an inode or, on btrfs, bytes.
      quota = {
        maxSize: reservations.writtenBytes(),
        maxFiles: isOfFile ? removedFiles.count() : quota.maxFiles,
      };
    }
    void (makingRoom ?? Promise.resolve()).then(makeRoom).then(() => {
      quota = NO_QUOTA;
    });
  }

  return {
    async clean(options = {}) {
      await markOrphans(options.signal);
      return await cleanUpInTurn(toLowMarks, options);
    },
    async tick() {
      await markOrphans();
      await cleanUpInTurn(passedLimits(toLowMarks), {});
    },
    reserve,
    canFit: reservations.canFit,
    obstacles: reservations.obstacles,
    refused,
    spareBytes(files = 0) {
      const usage = reservations.usage();
      const { minFree, maxSize } = limits();
      const [main] = usage.volumes;
      if (!main || main.freeInodes - files * INODES_PER_FILE < minFreeInodes(main.totalInodes)) return 0;
      const freeBytes = main.freeBytes - minFree;
      return Math.min(freeBytes, maxSize === 0 ? Number.POSITIVE_INFINITY : maxSize - usage.usedBytes);
    },
    async stop() {
      stopping.abort(new Error("portcache is shutting down"));
      await running;
      await makingRoom;
    },
  };
}
