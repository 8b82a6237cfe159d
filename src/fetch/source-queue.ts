/**
 * Decides which source a download tries next, and when it gives up: round after round over the sources that are not excluded,
 * as long as a round brings enough bytes. Notes why each source failed, for the log, the next choice and the client.
 */

import { type Attempt, attemptOf, type SourceError } from "../distfile/errors.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { RequestOutcome, Source } from "../distfile/source.ts";
import { codeOf } from "../lib/error-reason.ts";
import type { Logger } from "../lib/log.ts";
import type { FailureLines } from "./failure-lines.ts";
import { SlowSourceError } from "./throughput.ts";

/** A round over all sources that brought less than this came to nothing. */
const WORTHWHILE_BYTES = 64 * 1024;
/** How many rounds in a row may come to nothing: one reset connection should not cost a client its file. */
const MAX_IDLE_ROUNDS = 2;

/** Most sources of one download, and most of them on one host: what a repository says must not set us on anybody. */
const MAX_SOURCES = 128;
const MAX_SOURCES_PER_HOST = 8;

/** Picks the sources that one download may ask, over all its lists. */
export function createSourceLimit(): (sources: readonly Source[]) => readonly Source[] {
  const labels = new Set<string>();
  const perHost = new Map<string, number>();
  let count = 0;
  return (sources) => {
    const picked = sources.filter(({ label, status }) => {
      const { host } = status();
      const onHost = perHost.get(host) ?? 0;
      // One label may stand for several files of a mirror within a list, but a later list only repeats it.
      if (labels.has(label) || count >= MAX_SOURCES || onHost >= MAX_SOURCES_PER_HOST) return false;
      count++;
      perHost.set(host, onHost + 1);
      return true;
    });
    for (const { label } of picked) labels.add(label);
    return picked;
  };
}

export interface SourceQueue<S> {
  /**
   * Returns the next source to try; undefined when there is no point any more.
   * @param received bytes that came from all sources together so far
   */
  next(received: number): S | undefined;
  /** Returns another source of this round, to be hedged with; undefined when all had their turn in it. */
  spare(): S | undefined;
  /** All sources that may still be tried. */
  readonly left: readonly S[];
  /** Whether the source just returned starts a round after one that came to nothing: time to pause. */
  readonly again: boolean;
  exclude(source: S): void;
  /** Takes further sources, which come after the others. */
  add(sources: readonly S[]): void;
  /**
   * Notes that the file came out wrong from several sources. The one that finished it goes first and alone next time; that
   * can't go on for ever either.
   */
  mixed(last: S | undefined): void;
}

export function createSourceQueue<S>(sources: readonly S[]): SourceQueue<S> {
  const order = [...sources];
  let index = 0;
  let idleRounds = 0;
  let mixtures = 0;
  let receivedBefore = 0;

  function exclude(source: S): void {
    const at = order.indexOf(source);
    if (at < 0) return;
    order.splice(at, 1);
    if (at < index) index--;
  }

  return {
    next(received) {
      if (index >= order.length) {
        index = 0;
        idleRounds = received - receivedBefore < WORTHWHILE_BYTES ? idleRounds + 1 : 0;
        receivedBefore = received;
      }
      if (idleRounds >= MAX_IDLE_ROUNDS || mixtures > Math.max(sources.length, order.length)) return undefined;
      return order[index++];
    },
    spare: () => (order[index] === undefined ? undefined : order[index++]),
    get left() {
      return order;
    },
    get again() {
      return idleRounds > 0 && index === 1;
    },
    exclude,
    add(further) {
      order.push(...further);
      idleRounds = 0;
    },
    mixed(last) {
      mixtures++;
      index = 0;
      if (last === undefined || !order.includes(last)) return;
      exclude(last);
      order.unshift(last);
      index = 0;
    },
  };
}

/** Error codes of the platform's client and resolver that mean: no connection. */
const NO_CONNECTION = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "ETIMEDOUT"]);

/** Returns what an error says about the source it came from. */
export function outcomeOf(error: SourceError): RequestOutcome {
  // A slow source is known by its measured speed.
  if (error instanceof SlowSourceError) return error.silent ? "failed" : "cancelled";
  if (error.kind === "absent") return "absent";
  // That is no worse than none: mirrors are late with files made anew, and one such file must not put all others out of reach.
  if (error.kind === "bad") return "different";
  // Its layout is unknown, or it asks to be left alone: neither says anything about it.
  if (error.status === 404 || error.status === 410 || error.retryAfterMs !== undefined) return "cancelled";
  if (error.kind === "timeout" || NO_CONNECTION.has(codeOf(error.cause))) return "unreachable";
  return "failed";
}

/** Notes the sources that could not give (the rest of) a file, each by its last attempt. */
export interface AttemptLog {
  /** @param bytes that came from the source this time */
  failed(source: Source, error: SourceError, bytes: number): void;
  /** Notes that the whole file came from the source and is wrong, or (`bad`) another one; `why` says how. */
  corrupt(source: Source, why: string, kind?: "corrupt" | "bad"): void;
  /** Notes that the file came out wrong from several sources, the last of which finished it. */
  mixed(last: Source | undefined): void;
}

/** Returns whether the source can't be tried again in this download: a reset is worth it; silence or a redirect to nowhere is not. */
function isFinal({ kind, status = 0, retryAfterMs }: SourceError, bytes: number): boolean {
  if (kind === "absent" || kind === "bad" || retryAfterMs !== undefined) return true;
  return kind === "timeout" ? bytes === 0 : status === 404 || (status >= 300 && status < 400);
}

/**
 * @param attempts gets the last attempt at each source
 * @param failureLines shared by all downloads; a failure that has no line of its own is still logged at debug
 */
export function createAttemptLog(
  file: FileName,
  queue: Pick<SourceQueue<Source>, "exclude" | "left" | "mixed">,
  attempts: Map<Source, Attempt>,
  failureLines: FailureLines,
  log: Logger,
): AttemptLog {
  // The log has had a line about each of these.
  const unavailable = new Set(queue.left.filter((source) => source.expectedMs(0) === undefined));
  const hasLine = (source: Source) => failureLines.take(source.status().host, performance.now());
  return {
    failed(source, error, bytes) {
      if (isFinal(error, bytes)) queue.exclude(source);
      const isKnown = unavailable.has(source) || attempts.get(source)?.detail === error.message;
      attempts.set(source, attemptOf(source.label, error));
      const properties = { source: source.label, file, detail: error.message };
      if (error.kind === "absent") log.debug("{source} has no {file}: {detail}", properties);
      else if (isKnown || !hasLine(source)) log.debug("{source} failed for {file}: {detail}", properties);
      else log.warn("{source} failed for {file}: {detail}", properties);
    },
    corrupt(source, why, kind = "corrupt") {
      queue.exclude(source);
      attempts.set(source, { source: source.label, kind, detail: why });
      const properties = { source: source.label, file, why };
      if (hasLine(source)) log.warn("{source} failed for {file}: it {why}", properties);
      else log.debug("{source} failed for {file}: it {why}", properties);
    },
    mixed(last) {
      queue.mixed(last);
      const text = "{file} came out wrong from several sources or an old part file; it is fetched from the start";
      if (last === undefined || hasLine(last)) log.warn(text, { file });
      else log.debug(text, { file });
    },
  };
}
