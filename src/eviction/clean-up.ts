/**
 * One clean-up: chooses by the policy, then removes in small steps. What somebody asks for between the choice and the
 * removal stays.
 */
import { basename } from "node:path";
import { type FileName, isMirrorPath } from "../distfile/mirror-path.ts";
import type { DistfileRows } from "../index/files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { excess, type Limits, type Usage, type Victim } from "./policy.ts";
import { type CleanReport, createTally } from "./report.ts";
import type { Ledger } from "./reservations.ts";
import { type ChooseDeps, type Chosen, choose } from "./select-victims.ts";

export type { CleanReport } from "./report.ts";

export interface RunDeps {
  readonly store: Pick<Store, "sweepParts"> & { remove(name: FileName): Promise<void> };
  readonly rows: Pick<DistfileRows, "flush"> & ChooseDeps["rows"] & { forget(name: FileName): void };
  readonly limits: () => Limits;
  /** Globs of names that never go. */
  readonly keep: () => readonly string[];
  readonly scarcity: (source: string) => number;
  /** Whether it is being fetched or served, or was asked for since that instant. */
  readonly inUse: (name: FileName, since: number) => boolean;
  readonly ledger: Ledger;
  /** Lets others have their turn where there was work for long enough. @throws where all is to stop */
  readonly breathe: (signal: AbortSignal | undefined) => Promise<void>;
  readonly onRemoved: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Between choosing and removing, for tests of what happens there. */
  readonly onChosen?: (victims: readonly Victim[]) => Promise<void>;
}

export interface CleanOptions {
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (removed: Victim) => void;
}

/** Part files that nobody continues go after a day. */
const PART_AGE_MS = 24 * 60 * 60 * 1000;
/** Work in one step, so that a hit never waits long; and turns of the event loop between two, as a hit takes a few. */
const STEP_MS = 0.2;
const TURNS = 4;
/** Where much of what was chosen turned out to be in use, it is chosen anew. */
const MAX_PASSES = 3;

export function createBreath(stopped: AbortSignal): RunDeps["breathe"] {
  let stepAt = performance.now();
  return async (signal) => {
    stopped.throwIfAborted();
    signal?.throwIfAborted();
    if (performance.now() - stepAt < STEP_MS) return;
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
    stepAt = performance.now();
  };
}

/** @param target how many bytes have to go as things stand when it is asked */
export type Run = (target: () => number, options: CleanOptions) => Promise<CleanReport>;

export function createRun(deps: RunDeps): Run {
  const { store, rows, ledger, limits, clock, log, breathe } = deps;

  async function chooseNow(bytes: number, since: number, signal: AbortSignal | undefined): Promise<Chosen> {
    const globs = deps.keep().map((pattern) => new Bun.Glob(pattern));
    const free = (name: FileName) => !deps.inUse(name, since);
    // Of a path its last component is a name, too.
    const kept = (name: FileName) =>
      globs.some((glob) => glob.match(name) || (isMirrorPath(name) && glob.match(basename(name))));
    const { scarcity } = deps;
    return await choose(
      bytes,
      { limits: limits(), now: since, free },
      { rows, scarcity, kept, breathe: () => breathe(signal) },
    );
  }

  /** From the question whether it is in use to the answer that there is none, nothing in between lets others run. */
  async function removeNow({ name }: Victim, since: number): Promise<"removed" | "in use" | "not forgotten"> {
    if (deps.inUse(name, since)) return "in use";
    const gone = store.remove(name);
    const over = gone.catch(() => undefined);
    try {
      rows.forget(name);
      await gone;
      return "removed";
    } catch (error) {
      // A row without a file, or a file without a row: found to be so when it is next asked for, or at the next start.
      log.warn("Cannot remove {file} and its row: {error}", { file: name, error });
      return "not forgotten";
    } finally {
      await over;
      deps.onRemoved();
    }
  }

  /** A full disk takes no notes, and is what a clean-up is to help against. */
  function flush(): void {
    try {
      rows.flush();
    } catch (error) {
      log.warn("Cannot note which files were used lately before cleaning up: {error}", { error });
    }
  }

  return async (target, { dryRun = false, signal, onProgress }) => {
    const tally = createTally();
    const before = ledger.usage();
    const parts = dryRun ? 0 : store.sweepParts(clock.now() - PART_AGE_MS);
    const left = () => (dryRun ? target() - tally.bytes : target());
    /** What the index has not forgotten counts on: to go on by its sums would empty the store. */
    let miscounted = false;

    async function take(victim: Victim, since: number): Promise<void> {
      await breathe(signal);
      if (miscounted || (victim.reason === "space" && left() <= 0)) return;
      const outcome = dryRun ? "removed" : await removeNow(victim, since);
      if (outcome === "in use") return tally.skip();
      miscounted = outcome === "not forgotten";
      tally.add(victim);
      onProgress?.(victim);
    }

    async function pass(): Promise<"enough" | "again"> {
      flush();
      const since = clock.now();
      const { outlived, cheapest, candidateBytes } = await chooseNow(left(), since, signal);
      // To throw out everything for what still would not fit helps nobody.
      const hopeless = candidateBytes < excess(ledger.leastUsage(), limits());
      const victims = hopeless ? outlived : [...outlived, ...cheapest];
      await deps.onChosen?.(victims);
      for (const victim of victims) await take(victim, since);
      return dryRun || hopeless || miscounted || left() <= 0 ? "enough" : "again";
    }

    for (let passes = 0; passes < MAX_PASSES && (await pass()) === "again"; passes++);
    const after = dryRun ? without(before, tally.bytes) : ledger.usage();
    return tally.report({ dryRun, parts, before, after, over: excess(after, limits()) });
  };
}

function without({ usedBytes, freeBytes }: Usage, bytes: number): Usage {
  return { usedBytes: usedBytes - bytes, freeBytes: freeBytes + bytes };
}
