/**
 * Tests which source is asked when one fails, from which byte it continues, and what is reported in the end: over real
 * sockets, part files and the hashing thread.
 */
import { afterAll, expect, test } from "bun:test";
import type { Digests } from "../distfile/digests.ts";
import { UnavailableError } from "../distfile/errors.ts";
import { createHasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { SourceList } from "../distfile/source.ts";
import { type Content, digestsOf } from "../testing/content.ts";
import {
  FILE,
  freeRate,
  hasContent,
  type RecordedRequests,
  recordedSource,
  startUpstreams,
  testDownloadDeps,
  testPart,
  testUpstreamClient,
} from "../testing/downloads.ts";
import type { FakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createAssembly } from "./assembly.ts";
import { fetchWithFailover } from "./failover.ts";
import { createPartWriter } from "./part-writer.ts";
import type { Validator } from "./resume.ts";
import { createPieceSize } from "./shared-reads.ts";
import { createTail } from "./tail.ts";

const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
const folder = createTempFolder();
const content: Content = { size: 400_000, seed: 21 };
let parts = 0;

afterAll(() => {
  hasher.close();
  folder.remove();
});

interface Setup {
  readonly expected?: Digests | undefined;
  readonly list?: (upstreams: readonly FakeUpstream[], log: RecordedRequests) => SourceList;
}

async function fetchFile(faults: readonly (readonly Fault[])[], setup: Setup = {}) {
  const upstreams = await startUpstreams(content, faults);
  const log: RecordedRequests = { ends: [], open: 0 };
  const all = () => upstreams.map(({ url }, i) => recordedSource(log, String(i), url));
  const list = setup.list?.(upstreams, log) ?? { sources: all, refusals: [] };
  const expected = "expected" in setup ? setup.expected : digestsOf(content);
  const validators: Validator[] = [];
  const path = folder.file(`part-${parts++}`);
  const part = testPart(path, { rememberValidator: (validator) => void validators.push(validator) });
  const { limits, failureLines, clock, log: logger } = await testDownloadDeps(hasher);
  const stop = new AbortController().signal;
  const writer = createPartWriter(part, createTail(createPieceSize()), hasher, [], stop, () => expect.unreachable());
  const file = { name: FILE as DistfileName, expected, revalidation: undefined };
  const assembly = createAssembly(file, part, writer, testUpstreamClient(), freeRate(), stop);
  // Without a client nobody waits for a file of unknown size.
  const release = writer.tail.hold();
  try {
    const fetching = fetchWithFailover(assembly, list, limits, failureLines, clock, logger);
    const computed = await fetching.catch((error: unknown) => error);
    const ranges = upstreams.map(({ requests }) => requests.map(({ range }) => range ?? "whole"));
    return { ...log, computed, ranges, validators, right: hasContent(path, content) };
  } finally {
    release();
    await writer.stop();
    for (const upstream of upstreams) await upstream.close();
  }
}

test.concurrent("the next source continues at the byte where the one before it broke off", async () => {
  const { ranges, ends, right, open } = await fetchFile([[{ kind: "reset", at: 150_000 }], []]);
  expect([ends, right, open]).toEqual([["0 failed", "1 delivered"], true, 0]);
  const [, [range = ""] = []] = ranges;
  const from = Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
  expect(from).toBeGreaterThan(0);
  expect(from).toBeLessThanOrEqual(150_000);
});

test.concurrent("a source with wrong bytes is excluded, and the file comes from the next one as a whole", async () => {
  const { ends, ranges, right } = await fetchFile([[{ kind: "corrupt", at: 5 }], []]);
  expect([ends, ranges, right]).toEqual([["0 corrupt", "1 delivered"], [["whole"], ["whole"]], true]);
});

test.concurrent("of a file that came out wrong from two sources, the one that sent wrong bytes is found", async () => {
  const { ends, right } = await fetchFile([
    [
      { kind: "corrupt", at: 5 },
      { kind: "reset", at: 150_000, times: 1 },
    ],
    [],
  ]);
  expect([right, ends.includes("1 failed"), ends.at(-1)]).toEqual([true, false, "1 delivered"]);
  expect(ends.filter((end) => end === "0 failed").length).toBeGreaterThan(0);
});

test.concurrent("a failing source gets a second round, an absent file does not", async () => {
  const { computed, ends, open } = await fetchFile([
    [{ kind: "status", status: 503 }],
    [{ kind: "status", status: 404 }],
  ]);
  expect([ends.toSorted(), open]).toEqual([["0 failed", "0 failed", "1 absent"], 0]);
  expect(computed).toBeInstanceOf(UnavailableError);
  expect(computed).toMatchObject({
    absent: false,
    attempts: [
      { source: "0", kind: "failed" },
      { source: "1", kind: "absent" },
    ],
  });
});

test.concurrent("sources found by searching further are tried after the first list, none of them twice", async () => {
  const refusal = { source: "gentoo: app-misc/a", kind: "absent", detail: "has RESTRICT=fetch" } as const;
  let searches = 0;
  const { ends, right } = await fetchFile([[{ kind: "status", status: 404 }], []], {
    list: ([first, second], log) => ({
      sources: () => [recordedSource(log, "0", first?.url ?? "")],
      refusals: [],
      more: async () => {
        searches++;
        return {
          sources: () => [recordedSource(log, "0", first?.url ?? ""), recordedSource(log, "1", second?.url ?? "")],
          refusals: [refusal],
        };
      },
    }),
  });
  expect([ends, right, searches]).toEqual([["0 absent", "1 delivered"], true, 1]);
});

test.concurrent("without an expected hash only the same URL continues, under the ETag that it gave before", async () => {
  const { ends, ranges, validators, right } = await fetchFile([[{ kind: "reset", at: 150_000, times: 1 }], []], {
    expected: undefined,
  });
  // The other source is asked first, sends the whole file, and what came before is discarded.
  expect([ends, right]).toEqual([["0 failed", "1 delivered"], true]);
  expect(ranges).toEqual([["whole"], ["whole"]]);
  expect(validators.map(({ etag, total }) => [typeof etag, total])).toEqual([
    ["string", 400_000],
    ["string", 400_000],
  ]);
  // A source without an ETag that breaks off each time is given up.
  const hopeless = await fetchFile(
    [
      [
        { kind: "etag", etag: "none" },
        { kind: "reset", at: 150_000 },
      ],
    ],
    {
      expected: undefined,
    },
  );
  expect([hopeless.computed instanceof UnavailableError, hopeless.ends.length]).toEqual([true, 3]);
  const alone = await fetchFile([[{ kind: "reset", at: 150_000, times: 1 }]], { expected: undefined });
  expect([alone.right, alone.ranges[0]?.[0], alone.ranges[0]?.[1]?.startsWith("bytes=")]).toEqual([
    true,
    "whole",
    true,
  ]);
});
