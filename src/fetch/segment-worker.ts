/**
 * Fetches the segments of one source: requests one after the other, and writes the bytes of each where they belong.
 */
import { SourceError } from "../distfile/errors.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";
import {
  type Assembly,
  addContribution,
  chunksOf,
  noteResponse,
  type OpenedResponse,
  openResponse,
} from "./assembly.ts";
import type { Segment } from "./segment-plan.ts";
import { createThroughputWatch, STREAMED, type ThroughputMeter } from "./throughput.ts";

export interface SegmentWorker {
  readonly source: Source;
  readonly record: RequestRecorder;
  readonly throughput: ThroughputMeter;
  /** The segment that it fetches now. */
  segment: Segment | undefined;
  /** Bytes that came from its source. */
  receivedBytes: number;
  /** Gets no further segment. */
  retired: boolean;
  /** Whether the first byte of its request did not come in time. */
  late: boolean;
  /** Breaks off the request under way. */
  abort(reason: Error): void;
}

export interface SegmentScheduler {
  /** Waits for the worker's next segment; undefined once there is nothing left to do for it. */
  nextSegment(worker: SegmentWorker): Promise<Segment | undefined>;
  /** Gives up the worker's segment. */
  release(worker: SegmentWorker): void;
  /** Returns whether other workers could fetch this one's segment. */
  hasAlternatives(worker: SegmentWorker): boolean;
  /** Returns whether other sources would bring the rest of its segment in a fraction of the time. */
  isSlow(worker: SegmentWorker, bytesPerSecond: number): boolean;
}

/** A late first byte delays one segment, not a client's first byte: wait longer than a hedge would. */
const TIMES_HEDGE_DELAY = 4;
const MIN_FIRST_BYTE_MS = 2_000;
const MAX_FIRST_BYTE_MS = 10_000;

/** Requests the segment; when the first byte is late and there are other workers, the segment is left to them. */
async function requestSegment(
  assembly: Assembly,
  worker: SegmentWorker,
  segment: Segment,
  scheduler: SegmentScheduler,
  clock: Clock,
): Promise<OpenedResponse> {
  const controller = new AbortController();
  worker.abort = (reason) => controller.abort(reason);
  const hedgeDelayMs = TIMES_HEDGE_DELAY * worker.source.hedgeDelayMs();
  const limitMs = Math.min(Math.max(hedgeDelayMs, MIN_FIRST_BYTE_MS), MAX_FIRST_BYTE_MS);
  const timer = setInterval(() => {
    if (!scheduler.hasAlternatives(worker)) return;
    worker.late = true;
    controller.abort(
      new SourceError("failed", `no first byte within ${Math.round(limitMs)} ms, while other sources are left`),
    );
  }, limitMs);
  try {
    const { source, record } = worker;
    const range = { offset: segment.position, end: segment.end };
    const cancelled = AbortSignal.any([assembly.stop, controller.signal]);
    return await openResponse(assembly, { source, record, range }, clock, cancelled);
  } finally {
    clearInterval(timer);
  }
}

async function receiveSegment(
  assembly: Assembly,
  worker: SegmentWorker,
  segment: Segment,
  opened: OpenedResponse,
  scheduler: SegmentScheduler,
  clock: Clock,
): Promise<void> {
  const { source, record, throughput } = worker;
  const last = opened.end ?? segment.end;
  let at = opened.response.offset;
  const watch = createThroughputWatch((rate) => scheduler.isSlow(worker, rate), worker.abort, STREAMED);
  try {
    for await (const bytes of chunksOf(assembly, opened, record, watch, clock)) {
      const fresh = bytes.subarray(Math.max(0, segment.position - at), Math.max(0, segment.end - at));
      at += bytes.length;
      if (at > last) throw new SourceError("bad", `sends more than it was asked for, up to byte ${last}`);
      throughput.received(bytes.length);
      if (fresh.length > 0) {
        const position = segment.position;
        // Before the write, so that nobody else takes over these bytes.
        segment.position += fresh.length;
        worker.receivedBytes += fresh.length;
        assembly.receivedBytes += fresh.length;
        addContribution(assembly, source, position, segment.position);
        await assembly.writer.write(fresh, position);
      }
      // Another worker fetches the rest. A body is read to the end that was asked for, so that the connection lives on.
      if (segment.position >= segment.end && segment.end < last) return;
    }
  } finally {
    watch.stop();
  }
  if (segment.position < segment.end) {
    throw new SourceError("failed", `ended after ${segment.position} of ${segment.end} bytes`);
  }
}

/**
 * Works until there is nothing left to do for the worker.
 * @param begun a response under way, for the worker's segment
 * @throws {SourceError} when the source failed; bytes received before that are kept
 */
export async function runSegmentWorker(
  assembly: Assembly,
  worker: SegmentWorker,
  begun: OpenedResponse | undefined,
  scheduler: SegmentScheduler,
  clock: Clock,
): Promise<void> {
  const { stop } = assembly;
  let given = begun;
  while (!stop.aborted) {
    const segment = given ? worker.segment : await scheduler.nextSegment(worker);
    if (!segment) return;
    let opened = given;
    try {
      const turn = opened ? undefined : assembly.rate.turn(stop, segment.end - segment.position);
      if (turn !== undefined) await turn;
      opened ??= await requestSegment(assembly, worker, segment, scheduler, clock);
      if (opened.response.offset !== segment.start && !given) {
        // It ignores ranges: what it sends is here already, or comes from others.
        worker.retired = true;
        return;
      }
      noteResponse(assembly, opened);
      await receiveSegment(assembly, worker, segment, opened, scheduler, clock);
    } finally {
      opened?.response.close();
      given = undefined;
      scheduler.release(worker);
    }
  }
  throw stop.reason;
}
