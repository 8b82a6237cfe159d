/**
 * Runs one clean-up: selects victims by the policy, then removes them in small steps. What somebody asks for in between stays.
 */
import { basename } from "node:path";
import { type FileName, isMirrorPath } from "../distfile/mirror-path.ts";
import type { FileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { excess, isSameLimit, type LimitState, type Limits, type Usage, type Victim, without } from "./policy.ts";
import type { RemovedFiles } from "./removed-files.ts";
import { type CleanUpReport, createTally } from "./report.ts";
import type { Reservations } from "./reservations.ts";
import { type SelectedFile, selectVictims, type Victims, victimOf } from "./select-victims.ts";

export type { CleanUpReport } from "./report.ts";

export interface CleanUpDeps {
  readonly store: Pick<Store, "sweepParts" | "removeLeftParts" | "remove" | "volumeOf">;
  readonly rows: Pick<FileRows, "page" | "flush">;
  readonly removedFiles: RemovedFiles;
  readonly limits: () => Limits;
  /** Globs of names that never go. */
  readonly keep: () => readonly string[];
  /** How much harder than from a mirror it is to get a file from that URL again; it is empty for files found on disk. */
  readonly refetchCost: (source: string) => number;
  /** Returns whether the file is being fetched or served, or was asked for since that instant. */
  readonly inUse: (name: FileName, since: number) => boolean;
  readonly reservations: Reservations;
  /** Lets others have their turn where there was work for long enough. @throws where all is to stop */
  readonly yieldToEventLoop: (signal: AbortSignal | undefined) => Promise<void>;
  readonly onRemoved: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called between selection and removal, for tests of what happens there. */
  readonly onSelected?: (victims: readonly Victim[]) => Promise<void>;
}

export interface CleanOptions {
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (removed: Victim) => void;
}

/** Part files that nobody continues go after a day, where room is short after an hour. */
const PART_AGE_MS = 24 * 60 * 60 * 1000;
const PART_AGE_WHERE_SHORT_MS = 60 * 60 * 1000;
/** Length of one step, so that a hit never waits long, and turns of the event loop between two, as a hit takes a few. */
const STEP_MS = 0.2;
const TURNS = 4;
/** Where many victims turned out to be in use, others are selected; and there are several limits. */
const MAX_PASSES = 6;

/** Yields after each step of work. */
export function createYield(stopped: AbortSignal): CleanUpDeps["yieldToEventLoop"] {
  let stepAt = performance.now();
  return async (signal) => {
    stopped.throwIfAborted();
    signal?.throwIfAborted();
    if (performance.now() - stepAt < STEP_MS) return;
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
    stepAt = performance.now();
  };
}

/** Says what has to go by the usage as it stands, or as it would be: those limits whose surplus is not 0. */
export type CleanUpGoal = (usage: Usage) => readonly LimitState[];
export type CleanUp = (goal: CleanUpGoal, options: CleanOptions) => Promise<CleanUpReport>;

export function createCleanUp(deps: CleanUpDeps): CleanUp {
  const { store, rows, removedFiles, reservations, limits, refetchCost, clock, log, yieldToEventLoop } = deps;
  /** Whether the index takes no notes: that is logged once. */
  let failing = false;

  async function selectNow(
    short: LimitState | undefined,
    since: number,
    taken: ReadonlySet<FileName>,
    signal: AbortSignal | undefined,
  ): Promise<Victims> {
    const globs = deps.keep().map((pattern) => new Bun.Glob(pattern));
    const isFree = (name: FileName) => !deps.inUse(name, since) && !taken.has(name) && !removedFiles.has(name);
    // Of a path its last component is a name, too.
    const isKept = (name: FileName) =>
      globs.some((glob) => glob.match(name) || (isMirrorPath(name) && glob.match(basename(name))));
    return await selectVictims(
      short,
      { limits: limits(), now: since, isFree },
      { rows, refetchCost, volumeOf: store.volumeOf, isKept, yieldToEventLoop: () => yieldToEventLoop(signal) },
    );
  }

  /** Writes to the index. Where the disk is full that fails, and clean-up goes on: it is there to help against that. */
  function note(act: () => void): void {
    try {
      act();
      failing = false;
    } catch (error) {
      if (!failing) log.warn("Cannot note in the index what clean-up does: {error}. It goes on.", { error });
      failing = true;
    }
  }

  /** Between the check whether it is in use and the call of remove() there is no await: nobody can come in between. */
  async function removeNow(entry: SelectedFile["entry"], since: number): Promise<"removed" | "in use" | "stays"> {
    const { name } = entry;
    if (deps.inUse(name, since)) return "in use";
    const gone = store.remove(name);
    const over = gone.catch(() => undefined);
    try {
      note(() => removedFiles.forget(entry));
      await gone;
      return "removed";
    } catch (error) {
      // A file without a row: found to be so when it is next asked for, or at the next start.
      log.warn("Cannot remove {file}: {error}", { file: name, error });
      return "stays";
    } finally {
      await over;
      deps.onRemoved();
    }
  }

  return async (goal, { dryRun = false, signal, onProgress }) => {
    const tally = createTally();
    const before = reservations.usage();
    /** What would be left, where nothing is removed. */
    let simulated = before;
    const usage = () => (dryRun ? simulated : reservations.usage());
    /** A file could not be removed, and others probably can't be either. */
    let stuck = false;
    /** Limits that can't be kept, whatever goes. */
    const hopeless: LimitState[] = [];
    /** What a dry run has selected by now. */
    const taken = new Set<FileName>();

    const isHopeless = (one: LimitState) => hopeless.some((other) => isSameLimit(one, other));
    const shortages = () => goal(usage()).filter((one) => one.surplus > 0 && !isHopeless(one));
    const partAgeMs = shortages().length > 0 ? PART_AGE_WHERE_SHORT_MS : PART_AGE_MS;
    let parts = store.sweepParts(clock.now() - partAgeMs, dryRun);
    const isShortOf = (one: LimitState | undefined) => one && shortages().some((other) => isSameLimit(one, other));

    function count(selected: SelectedFile): void {
      if (dryRun) taken.add(selected.entry.name);
      simulated = without(simulated, selected.entry);
      const victim = victimOf(selected);
      tally.add(victim);
      onProgress?.(victim);
    }

    async function take(selected: SelectedFile, short: LimitState | undefined, since: number): Promise<void> {
      await yieldToEventLoop(signal);
      if (stuck || (selected.reason === "space" && !isShortOf(short))) return;
      const outcome = dryRun ? "removed" : await removeNow(selected.entry, since);
      if (outcome === "in use") tally.skip();
      stuck = outcome === "stays";
      if (outcome === "removed") count(selected);
    }

    /** @param relief what all files would give that may go. @returns how many parts were removed */
    function removeLeftParts(short: LimitState, relief: number): number {
      if (dryRun) return 0;
      if (short.kind === "unverified") return store.removeLeftParts("unverified");
      // What a kill left of large files may be more than all that is stored.
      return relief < reservations.leastOver(short) ? store.removeLeftParts("all") : 0;
    }

    async function pass(): Promise<void> {
      note(() => {
        removedFiles.settle();
        rows.flush();
      });
      const since = clock.now();
      const [short] = shortages();
      const { expired, leastValuable, possibleRelief } = await selectNow(short, since, taken, signal);
      if (short) parts += removeLeftParts(short, possibleRelief);
      // To throw out everything for what still would not fit helps nobody.
      const isPossible = short && possibleRelief >= reservations.leastOver(short);
      if (short && !isPossible) hopeless.push(short);
      const victims = isPossible ? [...expired, ...leastValuable] : expired;
      await deps.onSelected?.(victims.map(victimOf));
      for (const victim of victims) await take(victim, short, since);
    }

    for (let passes = 0; passes < MAX_PASSES && !stuck; passes++) {
      if (passes > 0 && shortages().length === 0) break;
      const [{ files }, { length }] = [{ ...tally.total }, hopeless];
      await pass();
      const isIdle = files === tally.total.files && length === hopeless.length;
      // What is left is in use, or was a moment ago.
      if (isIdle && passes > 1) break;
    }
    const after = usage();
    return tally.report({ dryRun, parts, before, after, over: excess(after, limits()) });
  };
}
