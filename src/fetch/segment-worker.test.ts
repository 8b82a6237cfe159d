/**
 * Tests what one source fetches of a file that comes from several: over real sockets, a part file and the hashing thread.
 */
import { afterAll, expect, test } from "bun:test";
import { createHasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import { systemClock } from "../lib/clock.ts";
import { digestsOf, type GeneratedContent } from "../testing/content.ts";
import {
  FILE,
  freeRate,
  hasContent,
  recordedSource,
  startUpstreams,
  testPart,
  testUpstreamClient,
} from "../testing/downloads.ts";
import type { Fault } from "../testing/faults.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createAssembly } from "./assembly.ts";
import { createPartWriter } from "./part-writer.ts";
import type { Segment } from "./segment-plan.ts";
import { runSegmentWorker, type SegmentScheduler, type SegmentWorker } from "./segment-worker.ts";
import { createPieceSize } from "./shared-reads.ts";
import { createTail } from "./tail.ts";
import { createThroughputMeter } from "./throughput.ts";

const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
const folder = createTempFolder();
const content: GeneratedContent = { size: 300_000, seed: 12 };
let parts = 0;

afterAll(() => {
  hasher.close();
  folder.remove();
});

const segment = (start: number, end: number): Segment => ({ start, position: start, end });

async function runWorker(
  faults: readonly Fault[],
  segments: readonly Segment[],
  more: Partial<SegmentScheduler> = {},
  onStart: (worker: SegmentWorker) => void = () => undefined,
) {
  const [upstream] = await startUpstreams(content, [faults]);
  if (!upstream) throw new Error("no upstream");
  const path = folder.file(`part-${parts++}`);
  const part = testPart(path);
  const stop = new AbortController().signal;
  const writer = createPartWriter(part, createTail(createPieceSize()), hasher, [], stop, () => expect.unreachable());
  const file = { name: FILE as DistfileName, expected: digestsOf(content), revalidation: undefined };
  const assembly = createAssembly(file, part, writer, testUpstreamClient(), freeRate(), stop);
  let rangesIgnored = 0;
  const source = recordedSource({ ends: [], open: 0 }, "a", upstream.url, {
    hedgeDelayMs: () => 10,
    noteRange: (honoured) => void (honoured || rangesIgnored++),
  });
  const waiting = [...segments];
  const worker: SegmentWorker = {
    source,
    record: source.startRequest(undefined),
    throughput: createThroughputMeter(systemClock),
    segment: undefined,
    receivedBytes: 0,
    retired: false,
    late: false,
    abort: () => undefined,
  };
  const scheduler: SegmentScheduler = {
    async nextSegment() {
      worker.segment = waiting.shift();
      if (worker.segment) onStart(worker);
      return worker.segment;
    },
    release() {
      worker.segment = undefined;
    },
    hasAlternatives: () => false,
    isSlow: () => false,
    ...more,
  };
  try {
    const failure = await runSegmentWorker(assembly, worker, undefined, scheduler, systemClock).then(
      () => undefined,
      (error: unknown) => error,
    );
    const ranges = upstream.requests.map(({ range }) => range);
    const { position, gaps } = writer;
    return { failure, ranges, worker, rangesIgnored, position, gaps: gaps(0, content.size), path };
  } finally {
    await writer.stop();
    await upstream.close();
  }
}

test.concurrent("segments are requested one after the other, and written where they belong", async () => {
  const { ranges, worker, gaps, path, failure } = await runWorker(
    [],
    [segment(0, 100_000), segment(200_000, 300_000), segment(100_000, 200_000)],
  );
  expect([failure, gaps, worker.receivedBytes]).toEqual([undefined, [], 300_000]);
  expect(ranges).toEqual(["bytes=0-99999", "bytes=200000-299999", "bytes=100000-199999"]);
  expect(hasContent(path, content)).toBe(true);
});

test.concurrent("a segment whose end is taken over meanwhile is received up to there", async () => {
  const slow: Fault = { kind: "rate", at: 0, bytesPerSecond: 400_000 };
  const { position, failure } = await runWorker([slow], [segment(0, 300_000)], {}, ({ segment: own }) => {
    if (own) own.end = 50_000;
  });
  expect([failure, position]).toEqual([undefined, 50_000]);
});

test.concurrent("a source that breaks off fails, and what it sent before is kept", async () => {
  const { failure, position } = await runWorker([{ kind: "reset", at: 120_000 }], [segment(0, 300_000)]);
  expect(failure).toMatchObject({ name: "SourceError", kind: "failed" });
  expect(position).toBeGreaterThan(0);
  expect(position).toBeLessThanOrEqual(120_000);
});

test.concurrent("a source that ignores ranges is noted, and its worker retires", async () => {
  const { worker, rangesIgnored, position } = await runWorker([{ kind: "ignore-range" }], [segment(100_000, 200_000)]);
  expect([worker.retired, rangesIgnored, position]).toEqual([true, 1, 0]);
});

test.concurrent("a late first byte is waited for alone, and left to others where there are some", async () => {
  const silent: Fault[] = [{ kind: "stall-headers" }];
  const left = await runWorker(silent, [segment(0, 100_000)], { hasAlternatives: () => true });
  expect([left.worker.late, String(left.failure)]).toEqual([true, expect.stringContaining("no first byte within")]);
  const alone = await runWorker([{ kind: "latency", ms: 2_500 }], [segment(0, 100_000)]);
  expect([alone.worker.late, alone.position]).toEqual([false, 100_000]);
});
