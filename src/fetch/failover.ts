/**
 * Asking sources in turn for one file, each going on where the one before it left off, until it is whole and right; and what
 * is known of each afterwards.
 */
import type { ComputedDigests } from "../distfile/digests.ts";
import { SourceError, UnavailableError } from "../distfile/errors.ts";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import type { RequestOutcome, RequestRecorder, Source, SourceList } from "../distfile/source.ts";
import { unlessStopped } from "../lib/abort.ts";
import type { Logger } from "../lib/log.ts";
import type { Range } from "../upstream/range.ts";
import { type Account, type Attempts, createAccount } from "./account.ts";
import { type Assembly, isBound, isComplete, leftBytes, takeFrom } from "./assembly.ts";
import { type Field, firstAnswer, type Winner } from "./hedge.ts";
import { outcomeOf } from "./outcome.ts";
import { pieceBytes } from "./segment-plan.ts";
import { type SegmentDeps, takeInSegments } from "./segments.ts";
import { createRounds, type Rounds } from "./source-queue.ts";
import { createPace, FLOWING, HELD, isWorthLeaving, type Patience } from "./throughput.ts";
import { findLiars, judge } from "./verify.ts";

export interface AskDeps extends SegmentDeps {
  readonly log: Logger;
}

const PAUSE_BEFORE_SECOND_ROUND_MS = 500;
/** Less is there before others could join. */
const LEAST_SHARED_BYTES = 8 * 1024 * 1024;

function patienceFor({ incoming }: Assembly): Patience {
  return incoming.total !== undefined && incoming.total <= HOLD_LIMIT_BYTES ? HELD : FLOWING;
}

/** Whether the rest would come in a fraction of the time from another source. */
function isSlow({ assembly, rounds }: Desk, source: Source, bytesPerSecond: number): boolean {
  const left = leftBytes(assembly);
  if (left === undefined || !isBound(assembly)) return false;
  const others = rounds.left.filter((other) => other !== source);
  const elsewhere = others.flatMap((other) => other.expectedMs(left) ?? []);
  return elsewhere.length > 0 && isWorthLeaving(bytesPerSecond, left, Math.min(...elsewhere), patienceFor(assembly));
}

/** Whom to ask, and what to do about those who fail. */
interface Desk {
  readonly assembly: Assembly;
  readonly rounds: Rounds<Source>;
  readonly account: Account;
  readonly deps: AskDeps;
  readonly stop: AbortSignal;
}

/** Whether others may join this source, as far as that can be told before it has answered. */
function isShared({ assembly, rounds, deps }: Desk, source: Source): boolean {
  const left = leftBytes(assembly);
  if (deps.connections < 2 || !isBound(assembly) || left === undefined || left < LEAST_SHARED_BYTES) return false;
  if (assembly.suspicions.length > 0 || assembly.incoming.passing) return false;
  const asked = source.status().host;
  return rounds.left
    .map((other) => other.status())
    .some(({ host: place, available: free, acceptsRanges: ranges }) => place !== asked && free && ranges);
}

/** What to ask a source for first: no more than a piece where others may join it, nothing that is there already. */
function firstRange(desk: Desk, source: Source): Range | undefined {
  const { incoming } = desk.assembly;
  const { total, position: offset } = incoming;
  if (!isBound(desk.assembly) || total === undefined) return undefined;
  const gap = incoming.gaps(offset, total)[0]?.end ?? total;
  const { acceptsRanges: ranges, bytesPerSecond } = source.status();
  const most = isShared(desk, source) && ranges ? offset + pieceBytes(bytesPerSecond) : total;
  const end = Math.min(gap, most);
  return { offset, end: end === total || !ranges ? undefined : end };
}

/** Trials that went well are open until the hash has been seen. */
type Trials = Map<Source, RequestRecorder>;

/** Takes what one source sends. @returns whether that was all of the file */
async function takeAlone(desk: Desk, winner: Winner, trials: Trials): Promise<boolean> {
  const { assembly, account, deps, stop } = desk;
  const { answer, trial, abort } = winner;
  const before = assembly.received;
  const pace = createPace((rate) => isSlow(desk, answer.source, rate), abort, patienceFor(assembly));
  try {
    await takeFrom(assembly, answer, { trial, pace, clock: deps.clock });
    trials.set(answer.source, trial);
    return true;
  } catch (error) {
    const isFault = error instanceof SourceError && !stop.aborted;
    trial.end(isFault ? outcomeOf(error) : "cancelled");
    if (!isFault) throw error;
    account.failed(answer.source, error, assembly.received - before);
    return false;
  }
}

/** Has the rest of the file sent by the first that answers, and others beside it. @returns whether all of it is there */
async function ask(desk: Desk, firstSource: Source, trials: Trials): Promise<boolean> {
  const { assembly, rounds, account, deps, stop } = desk;
  const { incoming } = assembly;
  let first: Source | undefined = firstSource;
  const field: Field = {
    next() {
      const given = first ?? rounds.spare();
      first = undefined;
      return given;
    },
    range: (source) => firstRange(desk, source),
    failed: (failing, error) => account.failed(failing, error, 0),
  };
  const winner = await firstAnswer(assembly, field, deps, stop);
  if (!winner) return false;
  const { end, source } = winner.answer;
  if ((end === undefined || end === incoming.total) && !isShared(desk, source)) {
    return await takeAlone(desk, winner, trials);
  }
  const crew = { candidates: () => rounds.left, failed: account.failed };
  const brought = await takeInSegments(assembly, winner, crew, deps, stop);
  for (const [one, trial] of brought) {
    trials.get(one)?.end("cancelled");
    trials.set(one, trial);
  }
  return incoming.position === incoming.total;
}

/** The digests where the file is right; else who is to blame is noted, and its bytes are gone. */
async function settle(desk: Desk, trials: Trials): Promise<ComputedDigests | undefined> {
  const { assembly, rounds, account, deps } = desk;
  function accuse(
    source: Source,
    why = "has other bytes than the Manifest says",
    outcome: RequestOutcome = "failed",
  ): void {
    (trials.get(source) ?? source.startRequest(0)).end(outcome);
    account.lied(source, why);
  }
  try {
    const verdict = await judge(assembly);
    if (verdict.kind === "right") {
      for (const liar of await findLiars(assembly)) accuse(liar);
      for (const trial of trials.values()) trial.end("delivered");
      return verdict.computed;
    }
    if (verdict.kind === "liar") accuse(verdict.source);
    else if (verdict.kind === "unfit") accuse(verdict.source, verdict.why, "absent");
    else {
      rounds.mixed(verdict.last);
      const file = assembly.name;
      deps.log.warn("{file} came out wrong from several sources or an old part file, starting over", { file });
    }
    return undefined;
  } finally {
    for (const trial of trials.values()) trial.end("cancelled");
  }
}

async function lookFurther({ more }: SourceList, stop: AbortSignal): Promise<SourceList | undefined> {
  return more ? await unlessStopped(more(), stop) : undefined;
}

/**
 * Asks one source after the other until the file is whole and its digest right.
 * @throws {UnavailableError} when none is left to ask
 */
export async function askInTurn(
  assembly: Assembly,
  first: SourceList,
  deps: AskDeps,
  stop: AbortSignal,
): Promise<ComputedDigests> {
  const attempts: Attempts = new Map();
  const asked = new Set<string>();
  let refusals = first.refusals;
  for (let offer: SourceList | undefined = first; offer; offer = await lookFurther(offer, stop)) {
    refusals = offer.refusals;
    const sources = offer.sources().filter(({ label }) => !asked.has(label));
    for (const { label } of sources) asked.add(label);
    const computed = await fetchFrom(assembly, sources, attempts, deps, stop);
    if (computed) return computed;
  }
  throw new UnavailableError(`No source has ${assembly.name}`, [...attempts.values(), ...refusals]);
}

async function fetchFrom(
  assembly: Assembly,
  sources: readonly Source[],
  attempts: Attempts,
  deps: AskDeps,
  stop: AbortSignal,
): Promise<ComputedDigests | undefined> {
  const rounds = createRounds(sources);
  const account = createAccount(assembly.name, rounds, attempts, deps.log);
  const desk: Desk = { assembly, rounds, account, deps, stop };
  const trials: Trials = new Map();
  try {
    for (let source = rounds.next(assembly.received); source; source = rounds.next(assembly.received)) {
      if (rounds.again) await unlessStopped(deps.clock.sleep(PAUSE_BEFORE_SECOND_ROUND_MS), stop);
      if (!isComplete(assembly) && !(await ask(desk, source, trials))) continue;
      const computed = await settle(desk, trials);
      trials.clear();
      if (computed) return computed;
    }
  } finally {
    for (const trial of trials.values()) trial.end("cancelled");
  }
  return undefined;
}
