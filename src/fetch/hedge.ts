/**
 * Finding a source that answers: one is asked, and while none of those asked is within its patience, another beside them.
 * The first usable answer wins and the others are cancelled, so there is never more than one that writes. Silent sources
 * thus cost a moment each, not a time-out: a client that waits for its first byte would not live to see many of these.
 */
import { NotModifiedError, SourceError } from "../distfile/errors.ts";
import type { RequestOutcome, RequestRecorder, Source } from "../distfile/source.ts";
import { unlessStopped } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import type { Range } from "../upstream/range.ts";
import type { UpstreamSettings } from "../upstream/request.ts";
import { type Answer, type Assembly, isBound, leftBytes } from "./assembly.ts";
import { openAnswer } from "./open-response.ts";
import { outcomeOf } from "./outcome.ts";

export interface RaceDeps {
  readonly settings: UpstreamSettings;
  readonly clock: Clock;
}

export interface Field {
  /** What of the file it is asked for; undefined: the rest. */
  range(source: Source): Range | undefined;
  /** Who is asked next, undefined when nobody is left. */
  next(): Source | undefined;
  /** Told of each that can't answer. */
  failed(source: Source, error: SourceError): void;
}

/** The answer, and what is needed to account for it and to end it. */
export interface Winner {
  readonly answer: Answer;
  readonly trial: RequestRecorder;
  /** Breaks the transfer off. */
  abort(reason: Error): void;
}

interface Runner {
  readonly source: Source;
  readonly trial: RequestRecorder;
  /** From then on others are asked beside it. */
  readonly lateAt: number;
  readonly controller: AbortController;
  /** Never rejects. */
  readonly settled: Promise<{ readonly runner: Runner; readonly answer?: Answer; readonly error?: unknown }>;
}

/** Each is another place, but a download should not be all connections. */
const MOST_AT_ONCE = 8;

/** Without a hash bytes of two sources can't be told apart, so one is asked at a time; but while there are none it does not matter whose come first. */
function mayRace(assembly: Assembly): boolean {
  const begun = assembly.incoming.position > 0 || assembly.url !== "";
  return isBound(assembly) || (assembly.terms?.anywhere === true && !begun);
}

function start(assembly: Assembly, source: Source, field: Field, deps: RaceDeps, stop: AbortSignal): Runner {
  const trial = source.startRequest(leftBytes(assembly));
  const controller = new AbortController();
  const lateAt = mayRace(assembly) ? deps.clock.now() + source.hedgeDelayMs() : Number.POSITIVE_INFINITY;
  const signal = AbortSignal.any([stop, controller.signal]);
  const runner: Runner = {
    source,
    trial,
    lateAt,
    controller,
    settled: openAnswer(assembly, source, trial, field.range(source), deps, signal).then(
      (answer) => ({ runner, answer }),
      (error: unknown) => ({ runner, error }),
    ),
  };
  return runner;
}

/** What came of asking a source that is not to blame. */
function noFault(error: unknown): RequestOutcome {
  return error instanceof NotModifiedError ? "delivered" : "cancelled";
}

/** Ends all that were not needed. */
function cancel(runners: Iterable<Runner>, winner: Runner | undefined, now: number): void {
  for (const { trial, lateAt, controller, settled } of runners) {
    trial.end(winner !== undefined && lateAt <= now && lateAt < winner.lateAt ? "late" : "cancelled");
    controller.abort(new SourceError("failed", "is not needed any more"));
    void settled.then(({ answer }) => answer?.response.close());
  }
}

/** Resolves when one of them has settled, or when the last of them is late. */
async function news(runners: ReadonlySet<Runner>, mayAsk: boolean, clock: Clock) {
  const timer = new AbortController();
  const waitMs = Math.max(0, ...[...runners].map(({ lateAt }) => lateAt - clock.now()));
  const settled = [...runners].map((runner) => runner.settled);
  if (!mayAsk || waitMs === Number.POSITIVE_INFINITY) return await Promise.race(settled);
  const late = clock.sleep(waitMs, timer.signal).catch(() => undefined);
  try {
    return await Promise.race([...settled, late]);
  } finally {
    timer.abort();
  }
}

/**
 * The first usable answer; undefined where none of them gives one.
 * @throws what is no fault of a source, and the signal's reason
 */
export async function firstAnswer(
  assembly: Assembly,
  field: Field,
  deps: RaceDeps,
  stop: AbortSignal,
): Promise<Winner | undefined> {
  const runners = new Set<Runner>();
  let exhausted = false;

  function send(): void {
    const source = field.next();
    exhausted = source === undefined;
    if (source) runners.add(start(assembly, source, field, deps, stop));
  }

  try {
    for (;;) {
      const inTime = [...runners].some(({ lateAt }) => lateAt > deps.clock.now());
      if (!inTime && !exhausted && runners.size < MOST_AT_ONCE) send();
      if (runners.size === 0) return undefined;
      const one = await unlessStopped(news(runners, !exhausted && runners.size < MOST_AT_ONCE, deps.clock), stop);
      if (!one) continue;
      const { runner, answer, error } = one;
      runners.delete(runner);
      if (answer) {
        cancel(runners, runner, deps.clock.now());
        runners.clear();
        return { answer, trial: runner.trial, abort: (reason) => runner.controller.abort(reason) };
      }
      if (!(error instanceof SourceError) || stop.aborted) {
        runner.trial.end(noFault(error));
        throw error;
      }
      runner.trial.end(outcomeOf(error));
      field.failed(runner.source, error);
    }
  } finally {
    cancel(runners, undefined, deps.clock.now());
  }
}
