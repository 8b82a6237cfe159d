/**
 * One source's part in a file that comes from several: asks for one piece after the other, and writes each where it belongs.
 */
import { SourceError } from "../distfile/errors.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import { type Answer, type Assembly, contribute, noteSource, piecesOf } from "./assembly.ts";
import type { RaceDeps } from "./hedge.ts";
import type { Meter } from "./meter.ts";
import { openAnswer } from "./open-response.ts";
import type { Claim } from "./segment-plan.ts";
import { createPace, FLOWING } from "./throughput.ts";

export interface Lane {
  readonly source: Source;
  readonly trial: RequestRecorder;
  readonly meter: Meter;
  /** What it fetches now. */
  claim: Claim | undefined;
  /** Bytes that came from it. */
  brought: number;
  /** Gets no further piece. */
  retired: boolean;
  /** Its first byte did not come in time. */
  late: boolean;
  /** Breaks off the request under way. */
  abort(reason: Error): void;
}

export interface Yard {
  /** The next piece; undefined once there is nothing left to do for this lane. */
  claimFor(lane: Lane): Promise<Claim | undefined>;
  giveUp(lane: Lane): void;
  /** Whether others could do what this one does. */
  hasOthers(lane: Lane): boolean;
  /** Whether others would bring the rest of its piece in a fraction of the time. */
  isSlow(lane: Lane, bytesPerSecond: number): boolean;
}

export interface LaneDeps extends RaceDeps {
  readonly yard: Yard;
  readonly stop: AbortSignal;
}

/** A first byte that is late costs one piece some time, not a client its first one: more patience than for that. */
const TIMES_PATIENCE = 4;
const LEAST_PATIENCE_MS = 2_000;
const MOST_PATIENCE_MS = 10_000;

/** Asks for the piece; where the first byte is late and there are others, it is theirs. */
async function ask(assembly: Assembly, lane: Lane, claim: Claim, deps: LaneDeps): Promise<Answer> {
  const { yard, stop } = deps;
  const controller = new AbortController();
  lane.abort = (reason) => controller.abort(reason);
  const patienceMs = Math.min(
    Math.max(TIMES_PATIENCE * lane.source.hedgeDelayMs(), LEAST_PATIENCE_MS),
    MOST_PATIENCE_MS,
  );
  const timer = setInterval(() => {
    if (!yard.hasOthers(lane)) return;
    lane.late = true;
    controller.abort(new SourceError("failed", `no first byte within ${Math.round(patienceMs)} ms, others are there`));
  }, patienceMs);
  try {
    const range = { offset: claim.position, end: claim.end };
    const either = AbortSignal.any([stop, controller.signal]);
    const answer = await openAnswer(assembly, lane.source, lane.trial, range, deps, either);
    noteSource(assembly, answer);
    return answer;
  } finally {
    clearInterval(timer);
  }
}

async function fill(assembly: Assembly, lane: Lane, claim: Claim, answer: Answer, deps: LaneDeps): Promise<void> {
  const { incoming } = assembly;
  const { source, trial, meter } = lane;
  const last = answer.end ?? claim.end;
  let at = answer.response.offset;
  const pace = createPace((rate) => deps.yard.isSlow(lane, rate), lane.abort, FLOWING);
  try {
    for await (const bytes of piecesOf(answer, { trial, pace, clock: deps.clock })) {
      const fresh = bytes.subarray(Math.max(0, claim.position - at), Math.max(0, claim.end - at));
      at += bytes.length;
      if (at > last) throw new SourceError("bad", `sends more than it was asked for, up to byte ${last}`);
      meter.fed(bytes.length);
      if (fresh.length > 0) {
        const position = claim.position;
        // Before it is written, so that nobody else takes these bytes over.
        claim.position += fresh.length;
        lane.brought += fresh.length;
        assembly.received += fresh.length;
        contribute(assembly, source, position, claim.position);
        await incoming.put(fresh, position);
      }
      // Somebody else fetches the rest. To an end that was asked for the body is read, so that the connection lives on.
      if (claim.position >= claim.end && claim.end < last) return;
    }
  } finally {
    pace.stop();
  }
  if (claim.position < claim.end) {
    throw new SourceError("failed", `ended after ${claim.position} of ${claim.end} bytes`);
  }
}

/**
 * Works until there is nothing left to do for it.
 * @param begun an answer under way, to the lane's claim
 * @throws {SourceError} when the source failed; what came until then is kept
 */
export async function runLane(
  assembly: Assembly,
  lane: Lane,
  begun: Answer | undefined,
  deps: LaneDeps,
): Promise<void> {
  const { yard, stop } = deps;
  let given = begun;
  while (!stop.aborted) {
    const claim = given ? lane.claim : await yard.claimFor(lane);
    if (!claim) return;
    let answer = given;
    try {
      answer ??= await ask(assembly, lane, claim, deps);
      if (answer.response.offset !== claim.start && !given) {
        // It ignores ranges: what it sends is there, or comes from others.
        lane.retired = true;
        return;
      }
      await fill(assembly, lane, claim, answer, deps);
    } finally {
      answer?.response.close();
      given = undefined;
      yard.giveUp(lane);
    }
  }
  throw stop.reason;
}
