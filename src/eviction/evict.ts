/**
 * Keeps the store within its limits: on a clock, when told to, and before a download begins that would not fit.
 */
import type { Reservation } from "../distfile/reservation.ts";
import type { DistfileRows } from "../index/files.ts";
import type { OrphanRows } from "../index/orphans.ts";
import type { Store } from "../store/store.ts";
import { type CleanOptions, type CleanReport, createBreath, createRun, type RunDeps } from "./clean-up.ts";
import { excess, surplus } from "./policy.ts";
import { createLedger } from "./reservations.ts";

export type { CleanOptions, CleanReport } from "./clean-up.ts";

export interface EvictDeps extends Omit<RunDeps, "ledger" | "breathe" | "onRemoved" | "store" | "rows"> {
  readonly store: RunDeps["store"] & Pick<Store, "freeBytes" | "leftPartBytes">;
  readonly rows: RunDeps["rows"] & Pick<DistfileRows, "bytes">;
  readonly orphans: OrphanRows;
  /** Whether all trees there should be are known as they are now. */
  readonly treesWell: () => boolean;
  /** Told of what went. */
  readonly onCleaned?: (report: CleanReport) => void;
}

export interface Evict {
  /** Applies the policy now, down to the low mark. */
  clean(options?: CleanOptions): Promise<CleanReport>;
  /** What is due: orphans are marked, what has outlived its time goes, and what is over the limits. */
  tick(): Promise<void>;
  /** Room for a file of so many bytes, made if need be; undefined where it can't be had. */
  reserve(bytes: number): Promise<Reservation | undefined>;
  /** Bytes that may come unasked: what fits without removing anything. */
  room(): number;
  stop(): Promise<void>;
}

/** The trees are looked at every quarter of an hour; a longer silence is time in which they could not be told. */
const WELL_GAP_MS = 60 * 60 * 1000;
const MARK_ROWS = 20;
/** A download waits so often, and so long, for what is in use to be let go. */
const RESERVE_TRIES = 4;
const RESERVE_PAUSE_MS = 500;

export function createEvict(deps: EvictDeps): Evict {
  const { store, rows, orphans, limits, clock, log } = deps;
  const ledger = createLedger({
    storedBytes: () => rows.bytes() + store.leftPartBytes(),
    freeBytes: store.freeBytes,
    limits,
  });
  const stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  let makingRoom: Promise<void> | undefined;
  let waiting: (() => void)[] = [];
  const breathe = createBreath(stopping.signal);

  function wakeWaiting(): void {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  const run = createRun({ ...deps, ledger, breathe, onRemoved: wakeWaiting });

  async function markOrphans(signal?: AbortSignal): Promise<void> {
    if (!deps.treesWell()) return;
    try {
      orphans.sawWell(clock.now(), WELL_GAP_MS);
      for (let after: string | undefined = ""; after !== undefined; ) {
        after = orphans.mark(after, MARK_ROWS, clock.now());
        await breathe(signal);
      }
    } catch (error) {
      if (signal?.aborted || stopping.signal.aborted) throw error;
      // A full disk takes no notes, and is cleaned up all the same.
      log.warn("Cannot note which files no Manifest wants any more: {error}", { error });
    }
  }

  const toLowMark = () => surplus(ledger.usage(), limits());
  const isOver = () => excess(ledger.usage(), limits()) > 0;

  /** One at a time. */
  async function cleanUp(target: () => number, options: CleanOptions): Promise<CleanReport> {
    const done = running.then(() => run(target, options));
    running = done.catch(() => undefined);
    const report = await done;
    const { dryRun, total, byReason } = report;
    if (!dryRun && total.files > 0) {
      deps.onCleaned?.(report);
      log.info(
        "cleaned up: {files} files, {bytes} bytes gone ({orphans} that no Manifest wants, {old} too old, {space} for space)",
        { ...total, orphans: byReason.orphan.files, old: byReason.age.files, space: byReason.space.files },
      );
    }
    return report;
  }

  /** One clean-up for all who wait; whoever comes while it runs is counted in by it. */
  function makeRoom(): Promise<void> {
    let begun = false;
    const target = () => {
      // Over the limits it goes down to the low mark, also where those who wait have been let in meanwhile.
      begun ||= isOver();
      return begun ? toLowMark() : 0;
    };
    makingRoom ??= cleanUp(target, {})
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

  /** What was to be had by the end of a clean-up. */
  async function grantSoon(bytes: number): Promise<Reservation | undefined> {
    let going = true;
    const ended = makeRoom().then(() => {
      going = false;
    });
    for (;;) {
      const granted = ledger.grant(bytes);
      if (granted || !going) return granted;
      await Promise.race([ended, new Promise<void>((resolve) => waiting.push(resolve))]);
    }
  }

  async function reserve(bytes: number): Promise<Reservation | undefined> {
    const granted = ledger.grant(bytes);
    if (granted || !ledger.canFit(bytes)) return granted;
    const unwant = ledger.want(bytes);
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
      return await cleanUp(toLowMark, options);
    },
    async tick() {
      await markOrphans();
      await cleanUp(() => (isOver() ? toLowMark() : 0), {});
    },
    reserve,
    room() {
      const { usedBytes, freeBytes } = ledger.usage();
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
