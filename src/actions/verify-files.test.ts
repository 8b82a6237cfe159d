import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createStoredFiles } from "../cache/stored-files.ts";
import type { DistEntry } from "../distfile/digests.ts";
import { createHasher, type Hasher } from "../distfile/hasher.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import { createFileRows, type FileRows } from "../index/files.ts";
import { type Index, openIndex } from "../index/open.ts";
import { systemClock } from "../lib/clock.ts";
import { openLog } from "../lib/log.ts";
import { openStore, type Store } from "../store/store.ts";
import { digestsOf, readContent } from "../testing/content.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createScrub } from "./scrub.ts";
import { verifyDigests } from "./verify-digests.ts";
import { createReadLimit, createVerify, type VerifyDeps } from "./verify-files.ts";

const DAY = 24 * 60 * 60 * 1000;
const FILES = 60;
const content = (i: number) => ({ size: 1000 + 3000 * i, seed: i });
const nameOf = (i: number) => `f-${i}.zip` as DistfileName;

let folder: TempFolder;
let index: Index;
let rows: FileRows;
let store: Store;
let hasher: Hasher;
let refetched: string[];

beforeEach(() => {
  folder = createTempFolder();
  index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  rows = createFileRows(index.db);
  store = openStore(folder.file("store"));
  hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
  refetched = [];
});
afterEach(() => {
  hasher.close();
  index.close();
  folder.remove();
});

/** No repository knows the files whose number is a multiple of 3. */
function wantedBy(name: FileName): readonly WantedBy[] {
  const i = Number(/\d+/.exec(name)?.[0]);
  if (i % 3 === 0) return [];
  const { size, blake2b } = digestsOf(content(i));
  return [
    {
      repository: "gentoo",
      location: "/gentoo",
      category: "c",
      package: "p",
      entry: { name: nameOf(i), size, blake2b },
    },
  ];
}

async function keep(i: number): Promise<void> {
  const name = nameOf(i);
  const part = store.openPart(name, undefined);
  part.leave(false);
  await part.close();
  const named = store.openPart(name, () => false);
  await named.write(readContent(content(i)), 0);
  const file = await store.commit(named, name, 1_000_000);
  named.leave(false);
  await named.close();
  const { size, blake2b } = digestsOf(content(i));
  const at = Date.now();
  rows.put({ name, size, blake2b, stamp: file!.stamp, source: "", storedAt: at, usedAt: at });
}

async function verifyOver(more: Partial<VerifyDeps> = {}) {
  const log = await openLog("error", "text");
  const prefetch = async ({ name }: DistEntry) => {
    refetched.push(name);
    await keep(Number(/\d+/.exec(name)?.[0]));
    return true;
  };
  return createVerify({
    store,
    rows,
    hasher,
    wantedBy,
    prefetch,
    onRemoved: () => undefined,
    clock: systemClock,
    log,
    ...more,
  });
}

/** Damages a file as a disk does: nothing but its bytes changes. */
function flip(i: number): void {
  const { path } = store.stat(nameOf(i))!;
  const bytes = readFileSync(path);
  const at = (i * 7919) % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
  utimesSync(path, 1_000, 1_000);
  rows.put({ ...rows.get(nameOf(i))!, stamp: store.stat(nameOf(i))!.stamp });
}

const flipped = Array.from({ length: 20 }, (_, i) => i * 3 + (i % 2));

test("20 files with one flipped byte each: verify finds exactly these, no client gets them, and repair replaces them", async () => {
  for (let i = 0; i < FILES; i++) await keep(i);
  for (const i of flipped) flip(i);
  const verify = await verifyOver();
  const seen: number[] = [];
  const found = await verify.all({ repair: false, bytesPerSecond: 0, onProgress: ({ files }) => seen.push(files) });
  const names = flipped.map(nameOf).toSorted();
  expect(found.bad.map(({ name }) => name).toSorted()).toEqual(names);
  expect(found.bad.every(({ outcome }) => outcome === "unrepaired")).toBe(true);
  expect([found.files, found.unverified, seen.length, seen.at(-1)]).toEqual([FILES, 10, FILES, FILES]);

  const log = await openLog("error", "text");
  const stored = createStoredFiles({ store, rows, hasher, clock: systemClock, log });
  for (let i = 0; i < FILES; i++) {
    const contents = wantedBy(nameOf(i)).map(({ entry }) => entry);
    const served = await stored.find(nameOf(i), contents);
    expect([i, served === "stale"]).toEqual([i, flipped.includes(i)]);
  }

  const repaired = await verify.all({ repair: true, bytesPerSecond: 0 });
  expect(repaired.bad.map(({ name }) => name).toSorted()).toEqual(names);
  const outcomes = new Map(repaired.bad.map(({ name, outcome }) => [name, outcome]));
  for (const i of flipped) expect([i, outcomes.get(nameOf(i))]).toEqual([i, i % 3 === 0 ? "removed" : "refetched"]);
  expect((await verify.all({ repair: false, bytesPerSecond: 0 })).bad).toEqual([]);
}, 30_000);

test("repair removes a bad file that can't be fetched again, forgets a missing one, and accepts a touched one that is right", async () => {
  for (const i of [1, 2, 4]) await keep(i);
  flip(1);
  rmSync(store.stat(nameOf(2))!.path);
  utimesSync(store.stat(nameOf(4))!.path, 5, 5);
  const verify = await verifyOver({ prefetch: () => Promise.resolve(false) });
  const report = await verify.all({ repair: true, bytesPerSecond: 0 });
  expect(report.bad).toMatchObject([{ name: nameOf(1), outcome: "removed", repository: "gentoo" }]);
  expect(report.missing).toBe(1);
  expect(rows.page("", 1000).map(({ name }) => name) as readonly string[]).toEqual([nameOf(4)]);
  expect(rows.get(nameOf(4))?.stamp).toBe(store.stat(nameOf(4))!.stamp);
});

test("verifyDigests() tells right, stale, unverified and wrong apart", () => {
  const [is, other] = [digestsOf("is"), digestsOf("other")];
  const sizeOnly = { size: is.size };
  const table = [
    [[is], null, is, "right"],
    [[is], other.blake2b, is, "right"],
    [[other, is], is.blake2b, is, "right"],
    [[other], is.blake2b, is, "stale"],
    [[other], null, is, "wrong"],
    [[other], other.blake2b, is, "wrong"],
    [[], is.blake2b, is, "unverified"],
    [[], null, is, "unverified"],
    [[], other.blake2b, is, "wrong"],
    [[sizeOnly], null, is, "unverified"],
    [[sizeOnly], other.blake2b, is, "wrong"],
  ] as const;
  for (const [i, [contents, known, computed, verification]] of table.entries()) {
    expect([i, verifyDigests(contents, known, computed)]).toEqual([i, verification]);
  }
});

test("the scrub reads what is due, longest not verified first, and goes on there after a restart", async () => {
  for (const i of [1, 2, 4, 5]) await keep(i);
  const clock = createFakeClock();
  for (const [i, days] of [
    [1, 10],
    [2, 31],
    [4, 40],
    [5, 1],
  ] as const) {
    rows.verified(nameOf(i), clock.now() - days * DAY);
  }
  flip(4);
  const log = await openLog("error", "text");
  const verify = await verifyOver({ clock });
  const read: string[] = [];
  const one: typeof verify.one = (name, ...rest) => {
    read.push(name);
    return verify.one(name, ...rest);
  };
  const stopping = new AbortController();
  const scrub = createScrub({ verify: { one }, rows, everyMs: () => 30 * DAY, clock, log });
  const running = scrub.run(stopping.signal);
  for (let i = 0; i < 200 && read.length < 2; i++) {
    await clock.advance(200);
    await Bun.sleep(5);
  }
  for (let i = 0; i < 200 && refetched.length < 1; i++) {
    await clock.advance(200);
    await Bun.sleep(5);
  }
  stopping.abort(new Error("enough"));
  await running;
  expect(read).toEqual([nameOf(4), nameOf(2)]);
  expect(refetched).toEqual([nameOf(4)]);
});

test("the rate limit holds over many pieces and does not catch up on idle time", async () => {
  let slept = 0;
  const clock = {
    now: () => 0,
    sleep: (ms: number) => {
      slept += ms;
      return Promise.resolve();
    },
  };
  const readLimit = createReadLimit(() => 1000, clock);
  const { signal } = new AbortController();
  for (let i = 0; i < 10; i++) await readLimit(100, signal);
  // Each waits for all that are due before it, as this clock does not go on.
  expect(slept).toBeGreaterThan(5000);
  await expect(readLimit(1, AbortSignal.abort(new Error("stopped")))).rejects.toThrow("stopped");
});
