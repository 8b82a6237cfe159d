/**
 * Hedges requests: asks one source, and while no source has answered within its hedge delay, the next one as well. The first
 * usable response is taken and the other requests are cancelled, so there is never more than one that writes. A silent source
 * thus costs a moment, not a time-out: a client that waits for its first byte would give up after a few of those.
 */
import { NotModifiedError, SourceError } from "../distfile/errors.ts";
import type { RequestOutcome, RequestRecorder, Source } from "../distfile/source.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import type { Range } from "../upstream/content-range.ts";
import { type Assembly, hasExpectedHash, type OpenedResponse, openResponse, remainingBytes } from "./assembly.ts";
import { outcomeOf } from "./source-queue.ts";

/** The sources that may be asked. */
export interface Candidates {
  /** Returns the next source to ask; undefined when none is left. */
  next(): Source | undefined;
  /** Looks for further ones, once; undefined where there are none to look for. */
  further(): Promise<void> | undefined;
  /** Returns which bytes to ask the source for; undefined for the rest of the file. */
  rangeFor(source: Source): Range | undefined;
  /** Called for each source that could not answer. */
  failed(source: Source, error: SourceError): void;
}

/** The response that came first, with the record of its request. */
export interface FirstResponse {
  readonly opened: OpenedResponse;
  readonly record: RequestRecorder;
  /** Breaks the transfer off. */
  abort(reason: Error): void;
}

interface Settled {
  readonly candidate: Candidate;
  readonly opened?: OpenedResponse;
  readonly error?: unknown;
}

interface Candidate {
  readonly source: Source;
  readonly record: RequestRecorder;
  /** From this time on the next source is asked as well. */
  readonly hedgeAt: number;
  readonly controller: AbortController;
  /** Never rejects. */
  readonly settled: Promise<Settled>;
}

/** Each is another host, but one download should not take all connections. */
const MAX_CANDIDATES = 8;

/**
 * Returns whether several sources may be asked at once. Without a hash the bytes of two sources can't be compared, so only one
 * is asked at a time; before the first byte of a file that is the same at all mirrors it does not matter which one sends it.
 */
function mayHedge(assembly: Assembly): boolean {
  const begun = assembly.writer.position > 0 || assembly.url !== "";
  return hasExpectedHash(assembly) || (assembly.revalidation?.sameAtAllMirrors === true && !begun);
}

/** Returns the outcome of a request that failed through no fault of its source. */
function blamelessOutcome(error: unknown): RequestOutcome {
  return error instanceof NotModifiedError ? "delivered" : "cancelled";
}

/** Ends all requests that are not needed any more. */
function cancel(candidates: Iterable<Candidate>, first: Candidate | undefined, now: number): void {
  for (const { record, hedgeAt, controller, settled } of candidates) {
    record.end(first !== undefined && hedgeAt <= now && hedgeAt < first.hedgeAt ? "late" : "cancelled");
    controller.abort(new SourceError("failed", "is not needed any more"));
    void settled.then(({ opened }) => opened?.response.close());
  }
}

/** Resolves when one candidate has settled, or when the hedge delay of the last one is over. */
async function nextEvent(
  candidates: ReadonlySet<Candidate>,
  mayAsk: boolean,
  further: Promise<void> | undefined,
  clock: Clock,
): Promise<Settled | undefined> {
  const timer = new AbortController();
  const waitMs = Math.max(0, ...[...candidates].map(({ hedgeAt }) => hedgeAt - clock.now()));
  const settled: Promise<Settled | undefined>[] = [...candidates].map((candidate) => candidate.settled);
  if (further !== undefined) settled.push(further.then(() => undefined));
  if (!mayAsk || waitMs === Number.POSITIVE_INFINITY) return await Promise.race(settled);
  const late = clock.sleep(waitMs, timer.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([...settled, late]);
  } finally {
    timer.abort();
  }
}

/**
 * Returns the first usable response; undefined when no source gives one.
 * @throws errors that are no fault of a source, and the signal's reason
 */
export async function firstResponse(
  assembly: Assembly,
  sources: Candidates,
  clock: Clock,
): Promise<FirstResponse | undefined> {
  const { stop } = assembly;
  const candidates = new Set<Candidate>();
  let exhausted = false;
  /** While further sources are looked for. */
  let further: Promise<void> | undefined;

  function ask(source: Source): void {
    const record = source.startRequest(remainingBytes(assembly));
    const controller = new AbortController();
    const hedgeAt = mayHedge(assembly) ? clock.now() + source.hedgeDelayMs() : Number.POSITIVE_INFINITY;
    const cancelled = AbortSignal.any([stop, controller.signal]);
    const request = { source, record, range: sources.rangeFor(source) };
    const candidate: Candidate = {
      source,
      record,
      hedgeAt,
      controller,
      settled: openResponse(assembly, request, clock, cancelled).then(
        (opened) => ({ candidate, opened }),
        (error: unknown) => ({ candidate, error }),
      ),
    };
    candidates.add(candidate);
  }

  const isOver = () => candidates.size === 0 && further === undefined;

  function lookFurther(): void {
    further ??= sources.further()?.then(() => {
      further = undefined;
      exhausted = false;
    });
  }

  function askNext(): void {
    const source = sources.next();
    exhausted = source === undefined;
    if (source) ask(source);
    else lookFurther();
  }

  try {
    for (;;) {
      const inTime = [...candidates].some(({ hedgeAt }) => hedgeAt > clock.now());
      if (!inTime && !exhausted && candidates.size < MAX_CANDIDATES) askNext();
      if (isOver()) return undefined;
      const mayAsk = !exhausted && candidates.size < MAX_CANDIDATES;
      const event = await abortable(nextEvent(candidates, mayAsk, further, clock), stop);
      if (!event) continue;
      const { candidate, opened, error } = event;
      candidates.delete(candidate);
      if (opened) {
        cancel(candidates, candidate, clock.now());
        candidates.clear();
        return { opened, record: candidate.record, abort: (reason) => candidate.controller.abort(reason) };
      }
      if (!(error instanceof SourceError) || stop.aborted) {
        candidate.record.end(blamelessOutcome(error));
        throw error;
      }
      candidate.record.end(outcomeOf(error));
      sources.failed(candidate.source, error);
    }
  } finally {
    cancel(candidates, undefined, clock.now());
  }
}
