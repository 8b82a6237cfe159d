/**
 * Fetches a large file in segments from several sources at once. One source begins; once it has shown its speed others join
 * where that may help, each with a segment from the front of what is missing, so that clients can stream meanwhile. Where all
 * together are no faster than the first was alone, the fastest goes on alone.
 */
import { SourceError } from "../distfile/errors.ts";
import type { RequestRecorder, Source } from "../distfile/source.ts";
import type { Clock } from "../lib/clock.ts";
import type { Assembly, OpenedResponse } from "./assembly.ts";
import type { FirstResponse } from "./hedge.ts";
import { createParallelism, type LineCapacity } from "./parallelism.ts";
import { createSegmentPlan, type Segment, segmentBytes, splitAt } from "./segment-plan.ts";
import { runSegmentWorker, type SegmentScheduler, type SegmentWorker } from "./segment-worker.ts";
import { outcomeOf } from "./source-queue.ts";
import { createThroughputMeter, isWorthLeaving, SlowSourceError, STREAMED } from "./throughput.ts";

/** The sources of one file that segments may come from. */
export interface SegmentSources {
  /** Returns all sources that may still be tried, in the order to try them. */
  candidates(): readonly Source[];
  /** Called for each source that failed, with the bytes that came from it. */
  failed(source: Source, error: SourceError, bytes: number): void;
}

/** How many sources one file may come from at once. */
export interface SegmentLimits {
  readonly connections: number;
  readonly lineCapacity: LineCapacity;
}

const TICK_MS = 100;
/** A source with less than this share of another one's speed is not worth a connection. */
const MIN_SHARE = 1 / 20;
/** What a request costs where nothing is known. */
const REQUEST_DELAY_MS = 100;
/** The speed of a source that has shown nothing yet. */
const ASSUMED_BYTES_PER_SECOND = 1_000_000;

function rateOf({ throughput, source }: SegmentWorker): number | undefined {
  return throughput.bytesPerSecond ?? source.status().bytesPerSecond;
}

/** Takes over, from the worker that would finish last, the bytes that this one brings sooner. @returns whether any are free now */
function takeOver(worker: SegmentWorker, workers: Iterable<SegmentWorker>): boolean {
  const rate = rateOf(worker) || ASSUMED_BYTES_PER_SECOND;
  const slowest = [...workers]
    .flatMap((other) => {
      const { segment, throughput } = other;
      if (other === worker || !segment || segment.position >= segment.end) return [];
      const otherRate = throughput.bytesPerSecond ?? rate;
      return [{ other, segment, otherRate, ms: (segment.end - segment.position) / otherRate }];
    })
    .toSorted((a, b) => b.ms - a.ms)[0];
  if (!slowest) return false;
  const { other, segment, otherRate } = slowest;
  const end = splitAt(segment, otherRate, rate, REQUEST_DELAY_MS, other.source.status().acceptsRanges);
  if (end === undefined) return false;
  segment.end = end;
  if (end <= segment.position) other.abort(new SlowSourceError(otherRate));
  return true;
}

/** Returns whether other sources would bring the rest of the worker's segment in a fraction of the time. */
function isSlow(
  { segment, source }: SegmentWorker,
  bytesPerSecond: number,
  workers: Iterable<SegmentWorker>,
  candidates: readonly Source[],
): boolean {
  if (!segment) return false;
  const left = segment.end - segment.position;
  const rates = [...workers].flatMap((other) =>
    other.source === source ? [] : (other.throughput.bytesPerSecond ?? []),
  );
  const known = candidates.flatMap((one) => (one === source ? [] : (one.expectedMs(left) ?? [])));
  const ms = [...known, ...rates.filter((rate) => rate > 0).map((rate) => (1000 * left) / rate)];
  return ms.length > 0 && isWorthLeaving(bytesPerSecond, left, Math.min(...ms), STREAMED);
}

/**
 * Fetches what is missing from the source that answered first and, where that is faster, from others beside it.
 * @returns the records of requests that went well, still open as the hash is yet to be verified; the file may have gaps when all
 * other sources failed
 * @throws errors that are no fault of a source, and the signal's reason
 */
export async function fetchSegments(
  assembly: Assembly,
  first: FirstResponse,
  sources: SegmentSources,
  limits: SegmentLimits,
  clock: Clock,
): Promise<ReadonlyMap<Source, RequestRecorder>> {
  const { writer, stop } = assembly;
  const total = writer.total ?? 0;
  const plan = createSegmentPlan(writer.gaps, total);
  const parallelism = createParallelism(limits.lineCapacity, clock);
  const workers = new Set<SegmentWorker>();
  const spent = new Set<Source>();
  const records = new Map<Source, RequestRecorder>();
  const over = Promise.withResolvers<void>();
  let waiting: (() => void)[] = [];
  let failure: { readonly error: unknown } | undefined;

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const resume of woken) resume();
  }

  function claimSegment(worker: SegmentWorker): Segment | undefined {
    const isAlone = workers.size === 1 && parallelism.settled;
    const maxBytes = isAlone ? Number.POSITIVE_INFINITY : segmentBytes(rateOf(worker));
    return plan.next(maxBytes) ?? (takeOver(worker, workers) ? plan.next(maxBytes) : undefined);
  }

  const othersWork = (worker: SegmentWorker) =>
    [...workers].some((other) => other !== worker && other.segment !== undefined);

  const scheduler: SegmentScheduler = {
    async nextSegment(worker) {
      while (!failure && !worker.retired) {
        worker.segment = claimSegment(worker);
        // A worker with nothing to do now takes over where another one fails.
        if (worker.segment || !othersWork(worker)) return worker.segment;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      return undefined;
    },
    release(worker) {
      if (worker.segment) plan.release(worker.segment);
      worker.segment = undefined;
      wake();
    },
    hasAlternatives: (worker) =>
      [...workers].some((other) => other !== worker && !other.retired && other.receivedBytes > 0),
    isSlow: (worker, rate) => isSlow(worker, rate, workers, sources.candidates()),
  };

  function failed(worker: SegmentWorker, error: unknown): void {
    spent.add(worker.source);
    if (error instanceof SourceError && !stop.aborted && !failure) {
      worker.record.end(worker.late ? "late" : outcomeOf(error));
      sources.failed(worker.source, error, worker.receivedBytes);
      return;
    }
    worker.record.end("cancelled");
    failure ??= { error };
    for (const other of workers) other.abort(new SourceError("failed", "is not needed any more"));
  }

  async function run(worker: SegmentWorker, begun: OpenedResponse | undefined): Promise<void> {
    try {
      await runSegmentWorker(assembly, worker, begun, scheduler, clock);
      records.set(worker.source, worker.record);
    } catch (error) {
      failed(worker, error);
    }
    workers.delete(worker);
    if (workers.size > 0 && parallelism.shared && !worker.retired) addWorkers(1);
    wake();
    if (workers.size === 0) over.resolve();
  }

  function createWorker(source: Source, record: RequestRecorder, abort: (reason: Error) => void): SegmentWorker {
    const throughput = createThroughputMeter(clock);
    const worker: SegmentWorker = {
      source,
      record,
      throughput,
      segment: undefined,
      receivedBytes: 0,
      retired: false,
      late: false,
      abort,
    };
    workers.add(worker);
    return worker;
  }

  function mayJoin(source: Source): boolean {
    const { host, available, acceptsRanges, bytesPerSecond } = source.status();
    const fastest = Math.max(0, ...[...workers].map((worker) => rateOf(worker) ?? 0));
    if (spent.has(source) || !available || !acceptsRanges) return false;
    if (bytesPerSecond !== undefined && bytesPerSecond < MIN_SHARE * fastest) return false;
    return ![...workers].some((worker) => worker.source.status().host === host);
  }

  /** Lets up to that many more sources join. */
  function addWorkers(count: number): void {
    if (failure || stop.aborted || writer.position >= total) return;
    let left = Math.min(count, limits.connections - workers.size);
    for (const source of sources.candidates()) {
      if (left <= 0 || !mayJoin(source)) continue;
      left--;
      const record = source.startRequest(Math.ceil((total - writer.position) / limits.connections));
      void run(
        createWorker(source, record, () => undefined),
        undefined,
      );
    }
  }

  function retireAllButFastest(): void {
    const best = [...workers].toSorted(
      (a, b) => (b.throughput.bytesPerSecond ?? 0) - (a.throughput.bytesPerSecond ?? 0),
    )[0];
    for (const worker of workers) worker.retired = worker !== best;
  }

  function tick(): void {
    const throughputs = [...workers].map(({ throughput }) => throughput);
    const advice = parallelism.advise(total - writer.position, throughputs);
    if (advice === "reduce") retireAllButFastest();
    if (advice === "add") addWorkers(limits.connections);
    if (advice === "add" && workers.size > 1) parallelism.begun();
    // A waiting worker may find somebody to take over from by now.
    wake();
  }

  const { opened, record, abort } = first;
  const worker = createWorker(opened.source, record, abort);
  worker.segment = plan.claim(writer.position, opened.end ?? total);
  const timer = setInterval(tick, TICK_MS);
  void run(worker, opened);
  await over.promise;
  clearInterval(timer);
  if (!failure) return records;
  for (const open of records.values()) open.end("cancelled");
  throw failure.error;
}
