/**
 * Whom a download asks, when a second source is asked beside the first, and what each is said to have done; over real
 * sockets, real part files and the real hashing thread.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Digests } from "../distfile/digests.ts";
import { createHasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Source } from "../distfile/source.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { createSemaphore } from "../lib/semaphore.ts";
import { type Content, digestsOf, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createPinAddress } from "../upstream/pinned-address.ts";
import { createUpstreamClient } from "../upstream/request.ts";
import { createDownload } from "./download.ts";
import { createLineCapacity } from "./parallelism.ts";

setDefaultTimeout(60_000);

const FILE = "a.tar.xz";
const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
const folder = createTempFolder();
let downloads = 0;

afterAll(() => {
  hasher.close();
  folder.remove();
});

interface Report {
  /** How each request ended, with the source's index: `0 late`. */
  readonly ends: readonly string[];
  /** Requests begun and not ended. */
  readonly open: number;
  readonly failure: unknown;
  readonly right: boolean;
  readonly ms: number;
}

interface Options {
  readonly content: Content;
  readonly expected: Digests | undefined;
  /** Of each source in turn. */
  readonly patienceMs?: number;
  readonly expectedMs?: number;
  /** 60 s by default, which no test waits for: one that did would be noticed on a busy machine, too. */
  readonly timeoutMs?: number;
}

const SOON_MS = 30_000;

async function fetchFrom(upstreams: readonly FakeUpstream[], options: Options): Promise<Report> {
  const { content, expected, patienceMs = 300, expectedMs, timeoutMs = 60_000 } = options;
  const ends: string[] = [];
  let open = 0;
  const sources = upstreams.map(
    (upstream, i): Source => ({
      label: String(i),
      trustedOrigin: upstream.url,
      locate: async () => `${upstream.url}/distfiles/${FILE}`,
      hedgeDelayMs: () => patienceMs,
      expectedMs: () => expectedMs,
      status: () => ({ host: upstream.url, available: true, bytesPerSecond: undefined, acceptsRanges: true }),
      rangeIgnored: () => undefined,
      startRequest() {
        open++;
        let ended = false;
        return {
          firstByte: () => undefined,
          received: () => undefined,
          end(outcome) {
            if (ended) return;
            ended = true;
            open--;
            ends.push(`${i} ${outcome}`);
          },
        };
      },
    }),
  );
  const path = folder.file(`part-${downloads++}`);
  const fd = openSync(path, "w+");
  const startedAt = performance.now();
  const download = createDownload(
    {
      name: FILE as DistfileName,
      expected,
      part: {
        fd,
        length: 0,
        write: async (bytes, position) => void writeSync(fd, bytes, 0, bytes.length, position),
        mark: async () => undefined,
        truncate: async (length) => ftruncateSync(fd, length),
        validator: undefined,
        named: true,
        reserve: async () => true,
        rememberValidator: () => undefined,
      },
      revalidation: undefined,
      urgent: true,
      requestSlot: () => ({ granted: Promise.resolve(() => undefined), raisePriority: () => undefined }),
      findSources: async () => ({ sources: () => sources, refusals: [] }),
      commit: async () => true,
    },
    createUpstreamClient(
      {
        connectTimeoutMs: timeoutMs,
        stallTimeoutMs: timeoutMs,
        userAgent: "test",
        proxy: "",
        privateNetworks: true,
        slots: createSemaphore(100),
        pinAddress: createPinAddress({ clock: systemClock }),
      },
      {},
    ),
    {
      hasher,
      aside: createSemaphore(1),
      limits: { connections: 4, lineCapacity: createLineCapacity(systemClock) },
      clock: systemClock,
      log: await openLog("error", "text"),
    },
  );
  await download.ended;
  const failure = await download.reached(0).catch((error: unknown) => error);
  const right = Buffer.compare(readFileSync(path), readContent(content)) === 0;
  return { ends, open, failure, right, ms: performance.now() - startedAt };
}

const content: Content = { size: 200_000, seed: 9 };
const expected = digestsOf(content);

async function withUpstreams(
  faults: readonly (readonly Fault[])[],
  options: Partial<Options> = {},
): Promise<Report & { readonly asked: readonly number[] }> {
  const upstreams = await Promise.all(
    faults.map(() => startFakeUpstream({ files: new Map([[FILE, content]]), layoutConf: null })),
  );
  for (const [i, upstream] of upstreams.entries()) upstream.setFault(FILE, ...(faults[i] ?? []));
  try {
    const report = await fetchFrom(upstreams, { content, expected, ...options });
    return { ...report, asked: upstreams.map(({ requests }) => requests.length) };
  } finally {
    for (const upstream of upstreams) await upstream.close();
  }
}

test.concurrent("where the first answers in time nobody else is asked", async () => {
  const { ends, right, open, asked } = await withUpstreams([[], []], { patienceMs: 3_000 });
  expect([ends, right, open, asked]).toEqual([["0 delivered"], true, 0, [1, 0]]);
});

test.concurrent("a silent source is late once the next has answered, one asked after the winner was not needed", async () => {
  const late = await withUpstreams([[{ kind: "stall-headers" }], []]);
  expect([late.ends, late.right, late.open]).toEqual([["0 late", "1 delivered"], true, 0]);
  expect(late.ms).toBeLessThan(SOON_MS);
  const slow = await withUpstreams([[{ kind: "latency", ms: 700 }], [{ kind: "stall-headers" }]]);
  expect([slow.ends, slow.right, slow.open]).toEqual([["1 cancelled", "0 delivered"], true, 0]);
});

test.concurrent("headers alone are no answer: a source that stalls before its first byte is late", async () => {
  const { ends, right } = await withUpstreams([[{ kind: "stall", at: 0 }], []]);
  expect([ends, right]).toEqual([["0 late", "1 delivered"], true]);
});

test.concurrent("behind silent and failing ones each next is asked at once or after a moment, never after a time-out", async () => {
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

test.concurrent("without a Manifest's hash one source at a time is asked, however long it takes", async () => {
  const { ends, asked, right } = await withUpstreams([[{ kind: "latency", ms: 1_500 }], []], { expected: undefined });
  expect([ends, asked, right]).toEqual([["0 delivered"], [1, 0], true]);
});

test.concurrent("a source that refuses or stays silent to the end is unreachable, one with the wrong bytes has failed", async () => {
  const silent = await withUpstreams([[{ kind: "stall-headers" }]], { timeoutMs: 2_000 });
  expect(silent.ends).toEqual(["0 unreachable"]);
  const liar = await withUpstreams([[{ kind: "corrupt", at: 5 }], []]);
  expect([liar.ends, liar.right]).toEqual([["0 failed", "1 delivered"], true]);
  const other = await withUpstreams([[{ kind: "shorter" }], []]);
  expect([other.ends, other.right]).toEqual([["0 absent", "1 delivered"], true]);
  const gone = await startFakeUpstream();
  await gone.close();
  const refused = await fetchFrom([gone], { content, expected });
  expect([refused.ends, refused.open]).toEqual([["0 unreachable", "0 unreachable"], 0]);
  expect(String(refused.failure)).toContain("No source has");
});

test.concurrent("a trickle is left for a source that would bring the rest much sooner, and stayed with where there is none", async () => {
  const trickle = (bytesPerSecond: number): Fault[] => [{ kind: "rate", at: 150_000, bytesPerSecond }];
  const left = await withUpstreams([trickle(1_000), []], { expectedMs: 100 });
  expect([left.ends, left.right]).toEqual([["0 cancelled", "1 delivered"], true]);
  expect(left.ms).toBeLessThan(SOON_MS);
  const stayed = await withUpstreams([trickle(5_000), []], { expectedMs: 5_000 });
  expect([stayed.ends, stayed.right]).toEqual([["0 delivered"], true]);
});
