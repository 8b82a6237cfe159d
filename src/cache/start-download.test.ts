/**
 * Tests what becomes of a download in the store and the index, for distfiles and mirror files alike: over a real store, index and sockets.
 */
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Digests } from "../distfile/digests.ts";
import { createHasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import { createDownload } from "../fetch/download.ts";
import { createFileRows } from "../index/files.ts";
import { openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { openStore, type Store } from "../store/store.ts";
import { digestsOf, type GeneratedContent, readContent } from "../testing/content.ts";
import {
  FILE,
  freeSlot,
  recordedSource,
  startUpstreams,
  testDownloadDeps,
  testUpstreamClient,
} from "../testing/downloads.ts";
import type { Fault } from "../testing/faults.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createFetchHistory } from "./fetch-history.ts";
import { createInUse } from "./in-use.ts";
import { createStartDownload, type DownloadPolicy } from "./start-download.ts";

const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
const downloadDeps = await testDownloadDeps(hasher);
const content: GeneratedContent = { size: 300_000, seed: 41 };
const name = FILE as DistfileName;

afterAll(() => hasher.close());

interface Setup {
  readonly faults?: readonly Fault[];
  readonly store?: (store: Store) => Partial<Store>;
}

async function setUp({ faults = [], store: change = () => ({}) }: Setup = {}) {
  const folder = createTempFolder();
  const opened = openStore(folder.file("store"));
  const store = { ...opened, ...change(opened) };
  const index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  const rows = createFileRows(index.db);
  const [upstream] = await startUpstreams(content, [faults]);
  const url = upstream?.url ?? "";
  const troubles: unknown[] = [];
  const outcomes: string[] = [];
  const inUse = createInUse(systemClock);
  const fetchHistory = createFetchHistory({
    clock: systemClock,
    onReceived: () => undefined,
    onRequestEnded: () => undefined,
    onEnded: (outcome) => outcomes.push(outcome),
  });
  const startDownload = createStartDownload({
    download: (plan, client) => createDownload(plan, client, downloadDeps),
    store,
    rows,
    room: { canFit: () => true, reserve: async () => ({ wrote: () => undefined, release: () => undefined }) },
    storeTakesFiles: () => true,
    onStoreTrouble: (error) => troubles.push(error),
    inUse,
    fetchHistory,
    clock: systemClock,
    log: await openLog("error", "text"),
  });
  function policy(expected: Digests | undefined, more: Partial<DownloadPolicy> = {}): DownloadPolicy {
    return {
      name,
      expected,
      revalidation: undefined,
      storable: true,
      isWanted: () => true,
      findSources: async () => ({ sources: () => [recordedSource({ ends: [], open: 0 }, "a", url)], refusals: [] }),
      requestSlot: freeSlot,
      putRow: ({ stamp }, { computed: { size, blake2b }, url: source }) =>
        rows.put({ name, size, blake2b, stamp, source, storedAt: 1, usedAt: 1, verifiedAt: 1 }),
      ...more,
    };
  }
  async function run(one: DownloadPolicy) {
    const download = startDownload(one, testUpstreamClient(), true);
    const release = download.hold();
    await download.ended;
    release();
    await download.over;
    return download;
  }
  return {
    store,
    rows,
    upstream,
    troubles,
    outcomes,
    inUse,
    policy,
    run,
    async [Symbol.asyncDispose]() {
      await upstream?.close();
      index.close();
      folder.remove();
    },
  };
}

test("a complete file is in the store and in the index, and is in use until nobody reads it", async () => {
  await using setup = await setUp();
  const { store, rows, policy, run, inUse, troubles, outcomes, upstream } = setup;
  const later = Date.now() + 10_000;
  const running = run(policy(digestsOf(content)));
  expect(inUse.has(name, later)).toBe(true);
  const download = await running;
  const file = store.stat(name);
  expect([download.stored, file?.size, outcomes, troubles]).toEqual([true, content.size, ["stored"], [undefined]]);
  expect(Buffer.compare(readFileSync(file?.path ?? ""), readContent(content))).toBe(0);
  expect(rows.get(name)).toMatchObject({ stamp: file?.stamp, source: `${upstream?.url}/distfiles/${FILE}` });
});

test("with a hash, the bytes of a failed download are resumed by the next one", async () => {
  await using setup = await setUp({ faults: [{ kind: "reset", at: 150_000 }] });
  const { upstream, store, policy, run, outcomes } = setup;
  const faulty = await run(policy(digestsOf(content)));
  expect([faulty.stored, outcomes]).toEqual([false, ["failed"]]);
  upstream?.setFault(FILE);
  const before = upstream?.requests.length ?? 0;
  expect((await run(policy(digestsOf(content)))).stored).toBe(true);
  expect(upstream?.requests[before]?.range).toMatch(/^bytes=[1-9]\d*-$/);
  expect(store.stat(name)?.size).toBe(content.size);
});

test("without a hash they are resumed under the remembered ETag, and not kept where there was none", async () => {
  for (const [etag, isResumed] of [
    [[], true],
    [[{ kind: "etag", etag: "none" }], false],
  ] as const) {
    await using setup = await setUp({ faults: [...etag, { kind: "reset", at: 150_000 }] });
    const { upstream, rows, store, policy, run } = setup;
    await run(policy(undefined));
    expect([rows.partial(name) !== undefined, store.leftPartBytes().all > 0]).toEqual([isResumed, isResumed]);
    upstream?.setFault(FILE, ...etag);
    const before = upstream?.requests.length ?? 0;
    expect((await run(policy(undefined))).stored).toBe(true);
    expect(upstream?.requests[before]?.headers["if-range"] !== undefined).toBe(isResumed);
    expect(rows.partial(name)).toBeUndefined();
  }
});

test("bytes that the disk refuses are reported and passed through to the clients; the bad part file is removed", async () => {
  await using setup = await setUp({ store: () => ({ commit: () => Promise.reject(new Error("EIO")) }) });
  const { store, rows, policy, run, troubles, outcomes } = setup;
  const download = await run(policy(digestsOf(content)));
  expect([download.stored, download.computed?.size, outcomes]).toEqual([false, content.size, ["passed-through"]]);
  expect(download.willStore).toBe(false);
  expect([String(troubles[0]), rows.get(name), store.leftPartBytes().all]).toEqual(["Error: EIO", undefined, 0]);
});

test("a file that may not be stored leaves nothing behind", async () => {
  await using setup = await setUp();
  const { store, rows, policy, run } = setup;
  const download = await run(policy(digestsOf(content), { storable: false }));
  expect([download.stored, download.willStore, download.computed?.size]).toEqual([false, false, content.size]);
  expect([store.stat(name), rows.get(name), store.leftPartBytes().all]).toEqual([undefined, undefined, 0]);
});

test("where the index does not take the row, the file is stored all the same", async () => {
  await using setup = await setUp();
  const { store, policy, run } = setup;
  const failing = policy(digestsOf(content), {
    putRow() {
      throw new Error("the index is read-only");
    },
  });
  expect([(await run(failing)).stored, store.stat(name)?.size]).toEqual([true, content.size]);
});
