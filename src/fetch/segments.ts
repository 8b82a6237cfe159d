/**
 * A large file from several sources at once. One begins; once it has shown its speed others join, where that may help, each
 * with a piece from the front of what is missing, so that clients stream meanwhile. Where all together are no faster than
 * the one was alone, the fastest goes on alone. Who is free when all is given out takes over from who would be last.
 */
import { SourceError } from "../distfile/errors.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import type { Assembly } from "./assembly.ts";
import type { RaceDeps, Winner } from "./hedge.ts";
import type { Line } from "./line.ts";
import { createMeter } from "./meter.ts";
import { outcomeOf } from "./outcome.ts";
import { createJoining } from "./parallelism.ts";
import { type Claim, createPieces, pieceBytes, splitAt } from "./segment-plan.ts";
import { type Lane, runLane, type Yard } from "./segment-worker.ts";
import { FLOWING, isWorthLeaving, SlowSourceError } from "./throughput.ts";

export interface Crew {
  /** In the order to ask them: all that may still be asked for this file. */
  candidates(): readonly Source[];
  /** Told of each that fails, with the bytes that came from it. */
  failed(source: Source, error: SourceError, bytes: number): void;
}

export interface SegmentDeps extends RaceDeps {
  /** Most sources at once. */
  readonly connections: number;
  readonly line: Line;
}

const TICK_MS = 100;
/** A source that brings less than this of what another does is not worth a connection. */
const LEAST_SHARE = 1 / 20;
/** What a request costs where nothing is known. */
const DELAY_MS = 100;
/** Bytes per second where a source has shown nothing yet. */
const UNKNOWN_RATE = 1_000_000;

function rateOf({ meter, source }: Lane): number | undefined {
  return meter.bytesPerSecond ?? source.status().bytesPerSecond;
}

/** Takes from whoever would be done last what this one would bring sooner. @returns whether something is free now */
function relieve(lane: Lane, lanes: Iterable<Lane>): boolean {
  const rate = rateOf(lane) || UNKNOWN_RATE;
  const slowest = [...lanes]
    .flatMap((other) => {
      const { claim, meter } = other;
      if (other === lane || !claim || claim.position >= claim.end) return [];
      const its = meter.bytesPerSecond ?? rate;
      return [{ other, claim, its, ms: (claim.end - claim.position) / its }];
    })
    .toSorted((a, b) => b.ms - a.ms)[0];
  if (!slowest) return false;
  const { other, claim, its } = slowest;
  const end = splitAt(claim, its, rate, DELAY_MS, other.source.status().acceptsRanges);
  if (end === undefined) return false;
  claim.end = end;
  if (end <= claim.position) other.abort(new SlowSourceError(its));
  return true;
}

/** Whether others would bring the rest of its piece in a fraction of the time. */
function isSlow({ claim, source }: Lane, bytesPerSecond: number, lanes: Iterable<Lane>, crew: Crew): boolean {
  if (!claim) return false;
  const left = claim.end - claim.position;
  const rates = [...lanes].flatMap((other) => (other.source === source ? [] : (other.meter.bytesPerSecond ?? [])));
  const known = crew.candidates().flatMap((one) => (one === source ? [] : (one.expectedMs(left) ?? [])));
  const ms = [...known, ...rates.filter((rate) => rate > 0).map((rate) => (1000 * left) / rate)];
  return ms.length > 0 && isWorthLeaving(bytesPerSecond, left, Math.min(...ms), FLOWING);
}

/**
 * Takes what is missing from the winner and, where that is faster, from others beside it.
 * @returns the trials that went well, open still as the hash has yet to be seen; the file may have gaps when all others failed
 * @throws what is no fault of a source, and the signal's reason
 */
export async function takeInSegments(
  assembly: Assembly,
  winner: Winner,
  crew: Crew,
  deps: SegmentDeps,
  stop: AbortSignal,
): Promise<ReadonlyMap<Source, RequestRecorder>> {
  const { incoming } = assembly;
  const total = incoming.total ?? 0;
  const pieces = createPieces(incoming.gaps, total);
  const joining = createJoining(deps.line, deps.clock);
  const lanes = new Set<Lane>();
  const spent = new Set<Source>();
  const trials = new Map<Source, RequestRecorder>();
  const over = Promise.withResolvers<void>();
  let waiting: (() => void)[] = [];
  let trouble: { readonly error: unknown } | undefined;

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const resume of woken) resume();
  }

  function claimNow(lane: Lane): Claim | undefined {
    const isAlone = lanes.size === 1 && joining.settled;
    const most = isAlone ? Number.POSITIVE_INFINITY : pieceBytes(rateOf(lane));
    return pieces.next(most) ?? (relieve(lane, lanes) ? pieces.next(most) : undefined);
  }

  const isBusy = (lane: Lane) => [...lanes].some((other) => other !== lane && other.claim !== undefined);

  const yard: Yard = {
    async claimFor(lane) {
      while (!trouble && !lane.retired) {
        lane.claim = claimNow(lane);
        // Who has nothing to do now takes over where somebody else fails.
        if (lane.claim || !isBusy(lane)) return lane.claim;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      return undefined;
    },
    giveUp(lane) {
      if (lane.claim) pieces.giveUp(lane.claim);
      lane.claim = undefined;
      wake();
    },
    hasOthers: (lane) => [...lanes].some((other) => other !== lane && !other.retired && other.brought > 0),
    isSlow: (lane, rate) => isSlow(lane, rate, lanes, crew),
  };

  function failed(lane: Lane, error: unknown): void {
    spent.add(lane.source);
    if (error instanceof SourceError && !stop.aborted && !trouble) {
      lane.trial.end(lane.late ? "late" : outcomeOf(error));
      crew.failed(lane.source, error, lane.brought);
      return;
    }
    lane.trial.end("cancelled");
    trouble ??= { error };
    for (const other of lanes) other.abort(new SourceError("failed", "is not needed any more"));
  }

  async function run(lane: Lane, begun: Winner["answer"] | undefined): Promise<void> {
    try {
      await runLane(assembly, lane, begun, { ...deps, yard, stop });
      trials.set(lane.source, lane.trial);
    } catch (error) {
      failed(lane, error);
    }
    lanes.delete(lane);
    if (lanes.size > 0 && joining.shared && !lane.retired) recruit(1);
    wake();
    if (lanes.size === 0) over.resolve();
  }

  function add(source: Source, trial: RequestRecorder, abort: (reason: Error) => void): Lane {
    const meter = createMeter(deps.clock);
    const lane: Lane = { source, trial, meter, claim: undefined, brought: 0, retired: false, late: false, abort };
    lanes.add(lane);
    return lane;
  }

  function mayJoin(source: Source): boolean {
    const { host: place, available: free, acceptsRanges: ranges, bytesPerSecond } = source.status();
    const fastest = Math.max(0, ...[...lanes].map((lane) => rateOf(lane) ?? 0));
    if (spent.has(source) || !free || !ranges) return false;
    if (bytesPerSecond !== undefined && bytesPerSecond < LEAST_SHARE * fastest) return false;
    return ![...lanes].some((lane) => lane.source.status().host === place);
  }

  /** Asks up to so many more to join. */
  function recruit(most: number): void {
    if (trouble || stop.aborted || incoming.position >= total) return;
    let left = Math.min(most, deps.connections - lanes.size);
    for (const source of crew.candidates()) {
      if (left <= 0 || !mayJoin(source)) continue;
      left--;
      const trial = source.startRequest(Math.ceil((total - incoming.position) / deps.connections));
      void run(
        add(source, trial, () => undefined),
        undefined,
      );
    }
  }

  function retireAllButFastest(): void {
    const best = [...lanes].toSorted((a, b) => (b.meter.bytesPerSecond ?? 0) - (a.meter.bytesPerSecond ?? 0))[0];
    for (const lane of lanes) lane.retired = lane !== best;
  }

  function tick(): void {
    const meters = [...lanes].map(({ meter }) => meter);
    const advice = joining.look(total - incoming.position, meters);
    if (advice === "part") retireAllButFastest();
    if (advice === "join") recruit(deps.connections);
    if (advice === "join" && lanes.size > 1) joining.joined();
    // Who waits may find somebody to relieve by now.
    wake();
  }

  const { answer, trial } = winner;
  const lane = add(answer.source, trial, winner.abort);
  lane.claim = pieces.claim(incoming.position, answer.end ?? total);
  const timer = setInterval(tick, TICK_MS);
  void run(lane, answer);
  await over.promise;
  clearInterval(timer);
  if (!trouble) return trials;
  for (const open of trials.values()) open.end("cancelled");
  throw trouble.error;
}
