/**
 * Tests whether and when a download hedges, and how each request ends: over real sockets, part files and the hashing thread.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Digests } from "../distfile/digests.ts";
import { createHasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import { type Content, digestsOf } from "../testing/content.ts";
import {
  FILE,
  freeSlot,
  hasContent,
  type RecordedRequests,
  recordedSource,
  startUpstreams,
  testDownloadDeps,
  testPart,
  testUpstreamClient,
} from "../testing/downloads.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createDownload } from "./download.ts";

setDefaultTimeout(60_000);

const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
const folder = createTempFolder();
const content: Content = { size: 200_000, seed: 9 };
let downloads = 0;

afterAll(() => {
  hasher.close();
  folder.remove();
});

interface Report extends RecordedRequests {
  readonly failure: unknown;
  readonly right: boolean;
  readonly ms: number;
}

interface Options {
  readonly expected?: Digests | undefined;
  /** Of each source. */
  readonly hedgeDelayMs?: number;
  readonly expectedMs?: number;
  /** 60 s by default, which no test waits for. */
  readonly timeoutMs?: number;
}

const SOON_MS = 30_000;

async function fetchFrom(upstreams: readonly FakeUpstream[], options: Options): Promise<Report> {
  const { hedgeDelayMs = 300, expectedMs, timeoutMs } = options;
  const log: RecordedRequests = { ends: [], open: 0 };
  const more = { hedgeDelayMs: () => hedgeDelayMs, expectedMs: () => expectedMs };
  const sources = upstreams.map(({ url }, i) => recordedSource(log, String(i), url, more));
  const path = folder.file(`part-${downloads++}`);
  const startedAt = performance.now();
  const download = createDownload(
    {
      name: FILE as DistfileName,
      expected: "expected" in options ? options.expected : digestsOf(content),
      openPart: () => testPart(path),
      revalidation: undefined,
      isWanted: () => true,
      urgent: true,
      requestSlot: freeSlot,
      findSources: async () => ({ sources: () => sources, refusals: [] }),
      commit: async () => true,
    },
    testUpstreamClient(timeoutMs),
    await testDownloadDeps(hasher),
  );
  await download.ended;
  const failure = await download.reached(0).catch((error: unknown) => error);
  return { ...log, failure, right: hasContent(path, content), ms: performance.now() - startedAt };
}

async function withUpstreams(
  faults: readonly (readonly Fault[])[],
  options: Options = {},
): Promise<Report & { readonly requests: readonly number[] }> {
  const upstreams = await startUpstreams(content, faults);
  try {
    const report = await fetchFrom(upstreams, options);
    return { ...report, requests: upstreams.map(({ requests }) => requests.length) };
  } finally {
    for (const upstream of upstreams) await upstream.close();
  }
}

test.concurrent("no other source is asked while the first answers within its hedge delay", async () => {
  const { ends, right, open, requests } = await withUpstreams([[], []], { hedgeDelayMs: 3_000 });
  expect([ends, right, open, requests]).toEqual([["0 delivered"], true, 0, [1, 0]]);
});

test.concurrent("a silent source is late once the next has answered; one asked after the first response is cancelled", async () => {
  const late = await withUpstreams([[{ kind: "stall-headers" }], []]);
  expect([late.ends, late.right, late.open]).toEqual([["0 late", "1 delivered"], true, 0]);
  expect(late.ms).toBeLessThan(SOON_MS);
  const slow = await withUpstreams([[{ kind: "latency", ms: 700 }], [{ kind: "stall-headers" }]]);
  expect([slow.ends, slow.right, slow.open]).toEqual([["1 cancelled", "0 delivered"], true, 0]);
});

test.concurrent("headers alone are no response: a source that stalls before its first byte is late", async () => {
  const { ends, right } = await withUpstreams([[{ kind: "stall", at: 0 }], []]);
  expect([ends, right]).toEqual([["0 late", "1 delivered"], true]);
});

test.concurrent("after silent and failing sources the next is asked at once or after the hedge delay, never after a time-out", async () => {
  const silent: Fault[] = [{ kind: "stall-headers" }];
  const faults: Fault[][] = [
    silent,
    silent,
    [{ kind: "status", status: 503 }],
    silent,
    [{ kind: "status", status: 404 }],
    [],
  ];
  const { ends, right, ms } = await withUpstreams(faults);
  expect([ends.toSorted(), right]).toEqual([
    ["0 late", "1 late", "2 failed", "3 late", "4 absent", "5 delivered"],
    true,
  ]);
  expect(ms).toBeLessThan(SOON_MS);
});

test.concurrent("without an expected hash one source is asked at a time, however long it takes", async () => {
  const { ends, requests, right } = await withUpstreams([[{ kind: "latency", ms: 1_500 }], []], {
    expected: undefined,
  });
  expect([ends, requests, right]).toEqual([["0 delivered"], [1, 0], true]);
});

test.concurrent("a source that refuses connections or stays silent is unreachable, one with wrong bytes is corrupt", async () => {
  const silent = await withUpstreams([[{ kind: "stall-headers" }]], { timeoutMs: 2_000 });
  expect(silent.ends).toEqual(["0 unreachable"]);
  const corrupt = await withUpstreams([[{ kind: "corrupt", at: 5 }], []]);
  expect([corrupt.ends, corrupt.right]).toEqual([["0 corrupt", "1 delivered"], true]);
  const other = await withUpstreams([[{ kind: "shorter" }], []]);
  expect([other.ends, other.right]).toEqual([["0 different", "1 delivered"], true]);
  const gone = await startFakeUpstream();
  await gone.close();
  const refused = await fetchFrom([gone], {});
  expect([refused.ends, refused.open]).toEqual([["0 unreachable", "0 unreachable"], 0]);
  expect(String(refused.failure)).toContain("No source has");
});

test.concurrent("a trickle is left for a source that would send the rest much sooner, and kept where there is none", async () => {
  const trickle = (bytesPerSecond: number): Fault[] => [{ kind: "rate", at: 150_000, bytesPerSecond }];
  const left = await withUpstreams([trickle(1_000), []], { expectedMs: 100 });
  expect([left.ends, left.right]).toEqual([["0 cancelled", "1 delivered"], true]);
  expect(left.ms).toBeLessThan(SOON_MS);
  const stayed = await withUpstreams([trickle(5_000), []], { expectedMs: 5_000 });
  expect([stayed.ends, stayed.right]).toEqual([["0 delivered"], true]);
});
