/**
 * Tests what a download does beside fetching: its slot, what clients may read and when, storing, passing through, and stopping.
 */
import { afterAll, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { UnavailableError } from "../distfile/errors.ts";
import { createHasher } from "../distfile/hasher.ts";
import { HOLD_LIMIT_BYTES } from "../distfile/hold-limit.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { Slot } from "../lib/priority-semaphore.ts";
import { digestsOf, type GeneratedContent } from "../testing/content.ts";
import {
  FILE,
  hasContent,
  recordedSource,
  startUpstreams,
  testDownloadDeps,
  testPart,
  testUpstreamClient,
} from "../testing/downloads.ts";
import { createTempFolder } from "../testing/temp.ts";
import { createDownload, type DownloadPlan } from "./download.ts";
import { createHeldMemory, type HeldMemory } from "./held-bytes.ts";

const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
const folder = createTempFolder();
const small: GeneratedContent = { size: 100_000, seed: 31 };
const large: GeneratedContent = { size: HOLD_LIMIT_BYTES + 1, seed: 32 };
let parts = 0;

afterAll(() => {
  hasher.close();
  folder.remove();
});

async function setUp(
  content: GeneratedContent,
  more: Partial<DownloadPlan> = {},
  heldMemory: HeldMemory = createHeldMemory(),
) {
  const [upstream] = await startUpstreams(content, [[]]);
  const source = recordedSource({ ends: [], open: 0 }, "a", upstream?.url ?? "");
  const granted = Promise.withResolvers<Slot>();
  const events: string[] = [];
  const plan: DownloadPlan = {
    name: FILE as DistfileName,
    expected: digestsOf(content),
    openPart() {
      events.push("opened");
      return testPart(folder.file(`part-${parts++}`));
    },
    revalidation: undefined,
    isWanted: () => true,
    urgent: false,
    findSources: async () => ({ sources: () => [source], refusals: [] }),
    requestSlot: (urgent) => {
      events.push(`requested ${urgent}`);
      const leave = () => void events.push("left");
      return { granted: granted.promise, raisePriority: () => events.push("raised"), leave };
    },
    commit: async () => {
      events.push("commit");
      return true;
    },
    ...more,
  };
  const download = createDownload(plan, testUpstreamClient(), { ...(await testDownloadDeps(hasher)), heldMemory });
  const slot = {
    release: () => events.push("released"),
    yield: () => events.push("yielded"),
    reportSlow: () => undefined,
  };
  const grant = () => granted.resolve(slot);
  return { download, events, grant, upstream, [Symbol.asyncDispose]: async () => await upstream?.close() };
}

test("a download waits for a slot, has its priority raised there, and gives the slot back before the file is stored", async () => {
  await using setup = await setUp(small);
  const { download, events, grant } = setup;
  expect(download.phase).toBe("resolving");
  await Bun.sleep(5);
  expect([download.phase, events]).toEqual(["waiting", ["requested false"]]);
  download.raisePriority();
  grant();
  await download.ended;
  expect(events.slice(0, 6)).toEqual(["requested false", "raised", "left", "opened", "released", "commit"]);
  expect([download.stored, download.hereBytes, download.computed?.size]).toEqual([true, small.size, small.size]);
});

test("clients wait for the hash and not for the disk, unless a small file has no memory to be answered from", async () => {
  for (const [content, memory, isStoredFirst] of [
    [small, createHeldMemory(), false],
    [small, createHeldMemory(0), true],
    [large, createHeldMemory(), false],
  ] as const) {
    const storing = Promise.withResolvers<boolean>();
    await using setup = await setUp(content, { commit: () => storing.promise }, memory);
    const { download, grant } = setup;
    grant();
    await download.arrived;
    let ended = false;
    const reading = download.reached(content.size).then(() => {
      ended = true;
    });
    await Bun.sleep(20);
    expect(ended).toBe(!isStoredFirst);
    storing.resolve(true);
    await reading;
  }
});

test("a small file is written at once when it is right, and what has come of it when its download is stopped", async () => {
  const path = folder.file(`part-${parts++}`);
  await using whole = await setUp(small, { openPart: () => testPart(path) });
  whole.grant();
  await whole.download.ended;
  expect(hasContent(path, small)).toBe(true);

  const half = folder.file(`part-${parts++}`);
  await using broken = await setUp(small, { openPart: () => testPart(half) });
  broken.upstream?.setFault(FILE, { kind: "stall", after: small.size / 2 });
  broken.grant();
  while (broken.download.hereBytes < small.size / 2) await Bun.sleep(5);
  expect(statSync(half).size).toBe(0);
  broken.download.stop(new Error("the test is over"));
  await broken.download.ended;
  expect(statSync(half).size).toBe(small.size / 2);
});

test("a file without room in the store is passed through to its clients", async () => {
  const part = testPart(folder.file(`part-${parts++}`), { reserve: async () => false });
  await using setup = await setUp(small, { openPart: () => part });
  const { download, grant, events } = setup;
  const reader = download.open(0, undefined);
  grant();
  let bytes = 0;
  for (let chunk = await reader.read(); chunk; chunk = await reader.read()) bytes += chunk.length;
  reader.close();
  await download.ended;
  expect([bytes, download.stored, download.willStore]).toEqual([small.size, false, false]);
  expect(events).not.toContain("commit");
});

test("a file that the store did not take reaches its clients all the same", async () => {
  await using setup = await setUp(small, { commit: async () => false });
  const { download, grant } = setup;
  grant();
  await download.ended;
  await download.reached(small.size);
  expect([download.stored, download.computed?.size]).toEqual([false, small.size]);
});

test("a stopped download fails for its clients, also while it waits for a slot, and gives a late slot back", async () => {
  await using setup = await setUp(small);
  const { download, events, grant } = setup;
  await Bun.sleep(5);
  download.stop(new Error("portcache is shutting down"));
  await download.ended;
  expect(await download.reached(0).catch((error: unknown) => error)).toBeInstanceOf(UnavailableError);
  grant();
  await Bun.sleep(0);
  expect(events).toEqual(["requested false", "left", "released"]);
  await download.over;
});

test("what waits for a slot is dropped with its last reader, opens nothing, and can't be joined", async () => {
  await using setup = await setUp(small, { urgent: true });
  const { download, events } = setup;
  const [leave, leaveToo] = [download.hold(), download.hold()];
  await Bun.sleep(5);
  leave();
  expect(download.joinable).toBe(true);
  leaveToo();
  expect(download.joinable).toBe(false);
  await Promise.all([download.begun, download.ended, download.over]);
  expect(events).toEqual(["requested true", "left"]);
});

test("what is fetched ahead keeps its place without a reader, and so does what has begun", async () => {
  for (const urgent of [false, true]) {
    await using setup = await setUp(small, { urgent });
    const { download, grant } = setup;
    const leave = download.hold();
    if (urgent) {
      grant();
      await download.begun;
    }
    leave();
    grant();
    await download.ended;
    expect(download.stored).toBe(true);
  }
});
