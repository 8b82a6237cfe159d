/**
 * Fetches one file from its sources: tries one after the other, each continuing where the one before it left off, until the
 * file is complete and verified, and records how each request ended.
 */
import type { ComputedDigests } from "../distfile/digests.ts";
import { type Attempt, SourceError, UnavailableError } from "../distfile/errors.ts";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { RequestRecorder, Source, SourceList } from "../distfile/source.ts";
import { abortable } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Range } from "../upstream/content-range.ts";
import { type Assembly, hasExpectedHash, isComplete, receiveFrom, remainingBytes } from "./assembly.ts";
import type { FailureLines } from "./failure-lines.ts";
import { type Candidates, type FirstResponse, firstResponse } from "./hedge.ts";
import { segmentBytes } from "./segment-plan.ts";
import { fetchSegments, type SegmentLimits } from "./segments.ts";
import {
  type AttemptLog,
  createAttemptLog,
  createSourceLimit,
  createSourceQueue,
  outcomeOf,
  type SourceQueue,
} from "./source-queue.ts";
import { createThroughputWatch, HELD, isWorthLeaving, type SlownessLimit, STREAMED } from "./throughput.ts";
import { findCorruptSources, verify } from "./verify.ts";

const PAUSE_BEFORE_SECOND_ROUND_MS = 500;
/** A smaller file is complete before other sources could join. */
const MIN_SEGMENTED_BYTES = 8 * 1024 * 1024;

/** What every step of one download needs. */
interface DownloadContext {
  readonly assembly: Assembly;
  readonly queue: SourceQueue<Source>;
  readonly attemptLog: AttemptLog;
  /** Records of requests that went well, open until the file is verified. */
  readonly openRecords: Map<Source, RequestRecorder>;
  /** Finds the rest of the list, once, and adds it to the queue. */
  readonly further: Candidates["further"];
  readonly limits: SegmentLimits;
  readonly clock: Clock;
}

function slownessLimit({ writer }: Assembly): SlownessLimit {
  return writer.total !== undefined && writer.total <= HOLD_LIMIT_BYTES ? HELD : STREAMED;
}

/** Returns whether the rest would come in a fraction of the time from another source. */
function isSlow({ assembly, queue }: DownloadContext, source: Source, bytesPerSecond: number): boolean {
  const left = remainingBytes(assembly);
  if (left === undefined || !hasExpectedHash(assembly)) return false;
  const others = queue.left.filter((other) => other !== source);
  const elsewhere = others.flatMap((other) => other.expectedMs(left) ?? []);
  return elsewhere.length > 0 && isWorthLeaving(bytesPerSecond, left, Math.min(...elsewhere), slownessLimit(assembly));
}

/** Returns whether other sources may join this one, as far as that is known before it has answered. */
function mayUseSegments({ assembly, queue, limits }: DownloadContext, source: Source): boolean {
  const left = remainingBytes(assembly);
  if (limits.connections < 2 || !hasExpectedHash(assembly)) return false;
  if (left === undefined || left < MIN_SEGMENTED_BYTES) return false;
  if (assembly.suspectRanges.length > 0 || assembly.writer.passingThrough) return false;
  const { host: firstHost } = source.status();
  return queue.left
    .map((other) => other.status())
    .some(({ host, available, acceptsRanges }) => host !== firstHost && available && acceptsRanges);
}

/** Returns what to ask a source for first: one segment where others may join it, and nothing that is here already. */
function firstRange(context: DownloadContext, source: Source): Range | undefined {
  const { total, position, gaps } = context.assembly.writer;
  if (!hasExpectedHash(context.assembly) || total === undefined) return undefined;
  const gapEnd = gaps(position, total)[0]?.end ?? total;
  const { acceptsRanges, bytesPerSecond } = source.status();
  const isSegment = acceptsRanges && mayUseSegments(context, source);
  const end = Math.min(gapEnd, isSegment ? position + segmentBytes(bytesPerSecond) : total);
  return { offset: position, end: end === total || !acceptsRanges ? undefined : end };
}

/** Receives what one source sends. @returns whether the file is complete */
async function receiveAlone(context: DownloadContext, { opened, record, abort }: FirstResponse): Promise<boolean> {
  const { assembly, attemptLog, openRecords, clock } = context;
  const { source } = opened;
  const before = assembly.receivedBytes;
  const watch = createThroughputWatch((rate) => isSlow(context, source, rate), abort, slownessLimit(assembly));
  try {
    await receiveFrom(assembly, opened, record, watch, clock);
    openRecords.set(source, record);
    return true;
  } catch (error) {
    const isFault = error instanceof SourceError && !assembly.stop.aborted;
    record.end(isFault ? outcomeOf(error) : "cancelled");
    if (!isFault) throw error;
    attemptLog.failed(source, error, assembly.receivedBytes - before);
    return false;
  }
}

/** Fetches the rest of the file from the source that answers first, and from others beside it. @returns whether it is complete */
async function fetchRest(context: DownloadContext, firstSource: Source): Promise<boolean> {
  const { assembly, queue, attemptLog, openRecords, limits, clock } = context;
  const { writer } = assembly;
  let given: Source | undefined = firstSource;
  const candidates: Candidates = {
    next() {
      const source = given ?? queue.spare();
      given = undefined;
      return source;
    },
    further: context.further,
    rangeFor: (source) => firstRange(context, source),
    failed: (source, error) => attemptLog.failed(source, error, 0),
  };
  const first = await firstResponse(assembly, candidates, clock);
  if (!first) return false;
  const { end, source } = first.opened;
  if ((end === undefined || end === writer.total) && !mayUseSegments(context, source)) {
    return await receiveAlone(context, first);
  }
  const sources = { candidates: () => queue.left, failed: attemptLog.failed };
  const records = await fetchSegments(assembly, first, sources, limits, clock);
  for (const [one, record] of records) {
    openRecords.get(one)?.end("cancelled");
    openRecords.set(one, record);
  }
  return writer.position === writer.total;
}

/** Returns the digests of a right file; of a wrong one, reports the corrupt source and discards its bytes. */
async function verifyFile(context: DownloadContext): Promise<ComputedDigests | undefined> {
  const { assembly, attemptLog, openRecords } = context;
  function reportCorrupt(source: Source, why: string, outcome: "corrupt" | "different" = "corrupt"): void {
    (openRecords.get(source) ?? source.startRequest(0)).end(outcome);
    attemptLog.corrupt(source, why, outcome === "corrupt" ? "corrupt" : "bad");
  }
  const otherBytes = "does not match the hashes in the Manifest";
  try {
    const result = await verify(assembly);
    if (result.kind === "right") {
      for (const source of await findCorruptSources(assembly)) reportCorrupt(source, otherBytes);
      for (const record of openRecords.values()) record.end("delivered");
      return result.computed;
    }
    if (result.kind === "corrupt") reportCorrupt(result.source, otherBytes);
    else if (result.kind === "outdated") reportCorrupt(result.source, result.why, "different");
    else attemptLog.mixed(result.last);
    return undefined;
  } finally {
    for (const record of openRecords.values()) record.end("cancelled");
    openRecords.clear();
  }
}

/** Tries the sources of the queue until the file is complete and right; undefined when none is left to try. */
async function fetchFromQueue(context: DownloadContext): Promise<ComputedDigests | undefined> {
  const { assembly, queue, openRecords, clock } = context;
  // Bytes that are received and discarded over and over are no progress.
  const nextSource = () => queue.next(assembly.receivedBytes - assembly.discardedBytes);
  try {
    for (let source = nextSource(); source; source = nextSource()) {
      if (queue.again) await abortable(clock.sleep(PAUSE_BEFORE_SECOND_ROUND_MS), assembly.stop);
      if (!isComplete(assembly) && !(await fetchRest(context, source))) continue;
      const computed = await verifyFile(context);
      if (computed) return computed;
    }
  } finally {
    for (const record of openRecords.values()) record.end("cancelled");
  }
  return undefined;
}

async function searchFurther({ more }: SourceList, stop: AbortSignal): Promise<SourceList | undefined> {
  return more ? await abortable(more(), stop) : undefined;
}

/** Returns a function that finds the rest of the list, once; a failure is logged, as the sources here may do. */
function createFurther({ rest }: SourceList, name: FileName, log: Logger, onFound: (list: SourceList) => void) {
  let begun = false;
  return (): Promise<void> | undefined => {
    if (begun || !rest) return undefined;
    begun = true;
    return rest().then(onFound, (error: unknown) => {
      log.error("Cannot find all sources of {file}: {error}", { file: name, error });
    });
  };
}

/** Tries the sources of the queue, and then those of the rest of its list. */
async function fetchFromList(context: DownloadContext): Promise<ComputedDigests | undefined> {
  const computed = await fetchFromQueue(context);
  if (computed) return computed;
  const searching = context.further();
  if (searching === undefined) return undefined;
  await abortable(searching, context.assembly.stop);
  return await fetchFromQueue(context);
}

/**
 * Tries one source after the other until the file is complete and its digest right.
 * @throws {UnavailableError} when none is left to try
 */
export async function fetchWithFailover(
  assembly: Assembly,
  list: SourceList,
  limits: SegmentLimits,
  failureLines: FailureLines,
  clock: Clock,
  log: Logger,
): Promise<ComputedDigests> {
  const attempts = new Map<Source, Attempt>();
  const withinLimit = createSourceLimit();
  let { refusals } = list;
  for (let current: SourceList | undefined = list; current; current = await searchFurther(current, assembly.stop)) {
    // Before the sources are put into order: who is asked first depends on what the others are doing now.
    const turn = assembly.rate.turn(assembly.stop, remainingBytes(assembly));
    if (turn !== undefined) await turn;
    const queue = createSourceQueue(withinLimit(current.sources()));
    const attemptLog = createAttemptLog(assembly.name, queue, attempts, failureLines, log);
    const openRecords = new Map<Source, RequestRecorder>();
    let whole: SourceList = current;
    const further = createFurther(current, assembly.name, log, (rest) => {
      whole = rest;
      queue.add(withinLimit(rest.sources()));
    });
    const context = { assembly, queue, attemptLog, openRecords, further, limits, clock };
    const computed = await fetchFromList(context);
    if (computed) return computed;
    current = whole;
    refusals = whole.refusals;
  }
  throw new UnavailableError(`No source has ${assembly.name}`, [...attempts.values(), ...refusals]);
}
