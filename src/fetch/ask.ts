/**
 * Asking sources in turn for one file, each going on where the one before it left off, until it is whole and right; and what
 * is known of each afterwards.
 */
import type { ComputedDigests } from "../distfile/digests.ts";
import { type Attempt, SourceError, UnavailableError } from "../distfile/errors.ts";
import type { Logger } from "../lib/log.ts";
import { type Assembly, isBound, isComplete, judge, leftBytes, takeFrom } from "./assembly.ts";
import { outcomeOf } from "./outcome.ts";
import { createPace, isWorthLeaving } from "./pace.ts";
import { type Field, firstAnswer, type RaceDeps, type Winner } from "./race.ts";
import { createRounds, type Rounds } from "./rounds.ts";
import type { Offer, Source } from "./source.ts";
import { unlessStopped } from "./stop.ts";

export interface AskDeps extends RaceDeps {
  readonly log: Logger;
}

const PAUSE_BEFORE_SECOND_ROUND_MS = 500;

/** What came of the sources, for whoever has to explain it. */
type Attempts = Map<Source, Attempt>;

/** Whether it can be asked once more in this download: silence is not worth a second wait, resets are. */
function isFinal(error: SourceError, bytes: number): boolean {
  return error.kind === "absent" || error.kind === "bad" || (error.kind === "timeout" && bytes === 0);
}

/** What is noted of each source that failed. */
function createAccount(assembly: Assembly, rounds: Rounds<Source>, attempts: Attempts, { log }: AskDeps) {
  return {
    /** @param bytes that came from it this time */
    failed(source: Source, error: SourceError, bytes: number): void {
      if (isFinal(error, bytes)) rounds.exclude(source);
      attempts.set(source, { source: source.label, kind: error.kind, detail: error.message });
      const properties = { source: source.label, file: assembly.name, detail: error.message };
      if (error.kind === "absent") log.debug("{source} has no {file}: {detail}", properties);
      else log.warn("{source} failed for {file}: {detail}", properties);
    },
    lied(source: Source): void {
      rounds.exclude(source);
      attempts.set(source, { source: source.label, kind: "bad", detail: "has other bytes than the Manifest says" });
      const properties = { source: source.label, file: assembly.name };
      log.warn("{source} has other bytes for {file} than the Manifest says", properties);
    },
  };
}

type Account = ReturnType<typeof createAccount>;

/** Whether the rest would come in a fraction of the time from another source. */
function isSlow(assembly: Assembly, rounds: Rounds<Source>, source: Source, bytesPerSecond: number): boolean {
  const left = leftBytes(assembly);
  if (left === undefined || !isBound(assembly)) return false;
  const others = rounds.left.filter((other) => other !== source);
  const elsewhere = others.flatMap((other) => other.expectedMs(left) ?? []);
  return elsewhere.length > 0 && isWorthLeaving(bytesPerSecond, left, Math.min(...elsewhere));
}

/** Takes what the winner sends; its trial is open still when that went well, as the hash has yet to be seen. */
async function takeAll(
  assembly: Assembly,
  { answer, trial, abort }: Winner,
  rounds: Rounds<Source>,
  account: Account,
  { deps, stop }: { readonly deps: AskDeps; readonly stop: AbortSignal },
): Promise<boolean> {
  const before = assembly.received;
  const pace = createPace((rate) => isSlow(assembly, rounds, answer.source, rate), abort);
  try {
    await takeFrom(assembly, answer, { trial, pace, clock: deps.clock });
    return true;
  } catch (error) {
    const isFault = error instanceof SourceError && !stop.aborted;
    trial.end(isFault ? outcomeOf(error) : "cancelled");
    if (!isFault) throw error;
    account.failed(answer.source, error, assembly.received - before);
    return false;
  }
}

async function settle(
  assembly: Assembly,
  winner: Winner | undefined,
  rounds: Rounds<Source>,
  account: Account,
  log: Logger,
): Promise<ComputedDigests | undefined> {
  try {
    const verdict = await judge(assembly);
    if (verdict.kind === "right") {
      winner?.trial.end("delivered");
      return verdict.computed;
    }
    if (verdict.kind === "liar") {
      const trial = winner?.answer.source === verdict.source ? winner.trial : verdict.source.ask(0);
      trial.end("failed");
      account.lied(verdict.source);
    } else {
      rounds.mixed(verdict.last);
      const file = assembly.name;
      log.warn("{file} came out wrong from several sources or an old part file, starting over", { file });
    }
    return undefined;
  } finally {
    winner?.trial.end("cancelled");
  }
}

async function lookFurther({ more }: Offer, stop: AbortSignal): Promise<Offer | undefined> {
  return more ? await unlessStopped(more(), stop) : undefined;
}

/**
 * Asks one source after the other until the file is whole and its digest right.
 * @throws {UnavailableError} when none is left to ask
 */
export async function askInTurn(
  assembly: Assembly,
  first: Offer,
  deps: AskDeps,
  stop: AbortSignal,
): Promise<ComputedDigests> {
  const attempts: Attempts = new Map();
  const asked = new Set<string>();
  let refusals = first.refusals;
  for (let offer: Offer | undefined = first; offer; offer = await lookFurther(offer, stop)) {
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
  const account = createAccount(assembly, rounds, attempts, deps);
  for (let source = rounds.next(assembly.received); source; source = rounds.next(assembly.received)) {
    if (rounds.again) await unlessStopped(deps.clock.sleep(PAUSE_BEFORE_SECOND_ROUND_MS), stop);
    let winner: Winner | undefined;
    if (!isComplete(assembly)) {
      let first: Source | undefined = source;
      const field: Field = {
        next() {
          const given = first ?? rounds.spare();
          first = undefined;
          return given;
        },
        failed: (failing, error) => account.failed(failing, error, 0),
      };
      winner = await firstAnswer(assembly, field, deps, stop);
      if (!winner || !(await takeAll(assembly, winner, rounds, account, { deps, stop }))) continue;
    }
    const computed = await settle(assembly, winner, rounds, account, deps.log);
    if (computed) return computed;
  }
  return undefined;
}
