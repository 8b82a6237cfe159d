/**
 * Asking sources in turn for one file, each going on where the one before it left off, until it is whole and right; and what
 * is known of each afterwards.
 */
import type { ComputedDigests } from "../distfile/digests.ts";
import { type Attempt, SourceError, UnavailableError } from "../distfile/errors.ts";
import type { Logger } from "../lib/log.ts";
import { type Assembly, judge, takeFrom } from "./assembly.ts";
import { createRounds, type Rounds } from "./rounds.ts";
import type { Offer, Source } from "./source.ts";
import { unlessStopped } from "./stop.ts";
import type { UpstreamSettings } from "./upstream.ts";

export interface AskDeps {
  readonly settings: UpstreamSettings;
  readonly log: Logger;
}

const PAUSE_BEFORE_SECOND_ROUND_MS = 500;

/** What came of the sources, for whoever has to explain it. */
type Attempts = Map<Source, Attempt>;

function note(attempts: Attempts, source: Source, kind: Attempt["kind"], detail: string): void {
  attempts.set(source, { source: source.label, kind, detail });
  source.report(kind === "absent" ? "absent" : "failed");
}

/** Whether it can be asked once more in this download: silence is not worth a second wait, resets are. */
function isFinal(error: SourceError, bytes: number): boolean {
  return error.kind === "absent" || error.kind === "bad" || (error.kind === "timeout" && bytes === 0);
}

async function tryFrom(
  assembly: Assembly,
  source: Source,
  rounds: Rounds<Source>,
  attempts: Attempts,
  deps: AskDeps,
  stop: AbortSignal,
): Promise<ComputedDigests | undefined> {
  const before = assembly.received;
  const file = assembly.name;
  try {
    await takeFrom(assembly, source, deps.settings, stop);
  } catch (error) {
    if (!(error instanceof SourceError) || stop.aborted) throw error;
    if (isFinal(error, assembly.received - before)) rounds.exclude(source);
    note(attempts, source, error.kind, error.message);
    const properties = { source: source.label, file, detail: error.message };
    if (error.kind === "absent") deps.log.debug("{source} has no {file}: {detail}", properties);
    else deps.log.warn("{source} failed for {file}: {detail}", properties);
    return undefined;
  }
  const verdict = await judge(assembly);
  if (verdict.kind === "right") {
    source.report("delivered");
    return verdict.computed;
  }
  if (verdict.kind === "liar") {
    rounds.exclude(verdict.source);
    note(attempts, verdict.source, "bad", "has other bytes than the Manifest says");
    deps.log.warn("{source} has other bytes for {file} than the Manifest says", { source: source.label, file });
  } else {
    rounds.mixed(verdict.last);
    deps.log.warn("{file} came out wrong from several sources or an old part file, starting over", { file });
  }
  return undefined;
}

/** Those of a second look that were not asked yet. */
async function lookFurther(offer: Offer, stop: AbortSignal): Promise<Offer | undefined> {
  if (!offer.more) return undefined;
  const { sources, refusals } = await unlessStopped(offer.more(), stop);
  const asked = new Set(offer.sources.map(({ label }) => label));
  return { sources: sources.filter(({ label }) => !asked.has(label)), refusals };
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
  let refusals = first.refusals;
  for (let offer: Offer | undefined = first; offer; offer = await lookFurther(offer, stop)) {
    refusals = offer.refusals;
    const computed = await fetchFrom(assembly, offer.sources, attempts, deps, stop);
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
  for (let source = rounds.next(assembly.received); source; source = rounds.next(assembly.received)) {
    if (rounds.again) await unlessStopped(Bun.sleep(PAUSE_BEFORE_SECOND_ROUND_MS), stop);
    const computed = await tryFrom(assembly, source, rounds, attempts, deps, stop);
    if (computed) return computed;
  }
  return undefined;
}
