import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { createInUse } from "../cache/in-use.ts";
import { standardFolder } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import type { RoomRequest } from "../distfile/reservation.ts";
import { createFileRows, type FileRows, type NewFileRow } from "../index/files.ts";
import { type Index, openIndex } from "../index/open.ts";
import { createOrphanRows } from "../index/orphans.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { openLog } from "../lib/log.ts";
import { openStore, type Store } from "../store/store.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { reserveWaiting, room } from "../testing/room.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createEviction, type Eviction, type EvictionDeps } from "./evict.ts";
import type { Limits } from "./policy.ts";

const DAY = 24 * 60 * 60 * 1000;
const KIB = 1024;

let folder: TempFolder;
let index: Index;
let rows: FileRows;
let store: Store;
let clock: ReturnType<typeof createFakeClock>;
let limits: Limits;
let current: boolean;
let evictions: Eviction[];

beforeEach(() => {
  folder = createTempFolder();
  index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  rows = createFileRows(index.db);
  store = openStore(folder.file("store"));
  clock = createFakeClock();
  clock.set(1000 * DAY);
  limits = {
    maxSize: 100 * KIB,
    minFree: 0,
    maxAgeMs: 0,
    orphanGraceMs: 30 * DAY,
    unverifiedShare: 0.1,
    maxFiles: Number.POSITIVE_INFINITY,
  };
  current = false;
  evictions = [];
});
afterEach(async () => {
  for (const eviction of evictions) await eviction.stop();
  index.close();
  folder.remove();
});

const path = (name: string) => folder.file(`store/distfiles/${standardFolder(name as DistfileName)}/${name}`);

function put(name: string, size: number, more: Partial<NewFileRow> = {}): void {
  mkdirSync(path(name).replace(/\/[^/]*$/, ""), { recursive: true });
  writeFileSync(path(name), "");
  truncateSync(path(name), size);
  const at = clock.now();
  const row = { stamp: "", source: "", storedAt: at, usedAt: at };
  rows.put({ name: name as DistfileName, size, ...row, ...more });
}

async function evictionOver(more: Partial<EvictionDeps> = {}) {
  const inUse = createInUse(clock);
  const eviction = createEviction({
    store,
    rows,
    orphans: createOrphanRows(index.db),
    limits: () => limits,
    keep: () => [],
    refetchCost: () => 1,
    repositoriesCurrent: () => current,
    inUse: inUse.has,
    clock,
    log: await openLog("error", "text"),
    ...more,
  });
  evictions.push(eviction);
  return { eviction, inUse };
}

const reserved = (eviction: Eviction, request: RoomRequest) => reserveWaiting(eviction, request, clock);
const there = () => "abcdefghij".split("").filter((name) => existsSync(path(name)));

test("the oldest go until the low mark is reached; dry, the same are named and none goes", async () => {
  for (const [i, name] of ["a", "b", "c", "d", "e"].entries())
    put(name, 25 * KIB, { usedAt: clock.now() - (10 - i) * DAY });
  const { eviction } = await evictionOver();
  const dry = await eviction.clean({ dryRun: true });
  expect(there()).toEqual(["a", "b", "c", "d", "e"]);
  const report = await eviction.clean();
  expect(report.removed).toEqual(dry.removed);
  expect(report.removed.map(({ name, reason }) => `${name} ${reason}`)).toEqual(["a space", "b space"]);
  expect(report.total).toEqual({ files: 2, bytes: 50 * KIB });
  expect([report.over.bytes, report.after.usedBytes, dry.after.usedBytes]).toEqual([0, 75 * KIB, 75 * KIB]);
  expect(there()).toEqual(["c", "d", "e"]);
  expect(rows.page("", 1000).map(({ name }) => name) as readonly string[]).toEqual(["c", "d", "e"]);
});

test("an index that takes no notes, as on a full disk, neither keeps clean-up from its work nor makes it empty the store", async () => {
  for (const [i, name] of ["a", "b", "c", "d"].entries()) put(name, 30 * KIB, { usedAt: clock.now() - (10 - i) * DAY });
  rows.touch("d" as DistfileName, clock.now());
  current = true;
  const { eviction } = await evictionOver();
  index.db.run("PRAGMA query_only = ON");
  expect((await eviction.clean()).removed.map(({ name }) => name as string)).toEqual(["a"]);
  expect(there()).toEqual(["b", "c", "d"]);
  index.db.run("PRAGMA query_only = OFF");
  await eviction.clean();
  expect([there(), rows.page("", 1000).map(({ name }) => name) as readonly string[]]).toEqual([
    ["b", "c", "d"],
    ["b", "c", "d"],
  ]);
});

test("while the index takes no notes, as much goes as needs to, once, and is noted later", async () => {
  for (const [i, name] of ["a", "b", "c", "d", "e"].entries())
    put(name, 30 * KIB, { usedAt: clock.now() - (10 - i) * DAY });
  const { eviction } = await evictionOver();
  index.db.run("PRAGMA query_only = ON");
  const report = await eviction.clean();
  expect([report.removed.map(({ name }) => name as string), report.after.usedBytes]).toEqual([["a", "b"], 90 * KIB]);
  expect((await eviction.clean()).removed).toEqual([]);
  limits = { ...limits, maxSize: 60 * KIB };
  expect((await eviction.clean()).removed.map(({ name }) => name as string)).toEqual(["c", "d"]);
  index.db.run("PRAGMA query_only = OFF");
  // One of them is fetched again.
  put("b", 10 * KIB);
  await eviction.clean();
  expect([there(), rows.page("", 1000).map(({ name }) => name) as readonly string[]]).toEqual([
    ["b", "e"],
    ["b", "e"],
  ]);
});

test("files that match `keep` stay, and the report says how much is over the limits then", async () => {
  put("a", 60 * KIB);
  put("b", 60 * KIB);
  const { eviction } = await evictionOver({ keep: () => ["a", "b*"] });
  const report = await eviction.clean();
  expect([report.total.files, report.over.bytes]).toEqual([0, 20 * KIB]);
});

test("a file requested between selection and removal stays, and another goes in its place", async () => {
  for (const [i, name] of ["a", "b", "c"].entries()) put(name, 40 * KIB, { usedAt: clock.now() - (10 - i) * DAY });
  let asked = false;
  const { eviction, inUse } = await evictionOver({
    onSelected: () => {
      if (!asked) inUse.note("a" as DistfileName);
      asked = true;
      return Promise.resolve();
    },
  });
  const report = await eviction.clean();
  expect(report.inUse).toBe(1);
  expect(there()).toEqual(["a", "c"]);
});

test("a file that is being looked up or fetched stays, however long that takes", async () => {
  put("a", 200 * KIB);
  const { eviction, inUse } = await evictionOver();
  const leave = inUse.enter("a" as DistfileName);
  clock.set(clock.now() + DAY);
  expect((await eviction.clean()).total.files).toBe(0);
  leave();
  clock.set(clock.now() + DAY);
  expect((await eviction.clean()).total.files).toBe(1);
});

test("an orphan's time counts only while the repositories are current, and it is revived when wanted again", async () => {
  const repositories = createRepositoryRows(index.db);
  const [id] = repositories.configure([{ name: "gentoo", location: "/tree" }]);
  const want = (...names: string[]) => {
    const entries = names.map((name) => ({ name: name as DistfileName, size: 1 }));
    repositories.replace(id!, [{ category: "c", package: "p", stamp: String(clock.now()), entries }]);
  };
  want("a", "b");
  put("a", 1, { orphanedAt: null });
  put("b", 1);
  put("j", 1);
  current = true;
  const { eviction } = await evictionOver();
  await eviction.tick();
  want("b");
  await eviction.tick();
  expect(rows.get("a" as DistfileName)?.orphanedAt).toBe(clock.now());
  // Forty days in which the repositories could not be read, as while the server was off, do not count.
  clock.set(clock.now() + 40 * DAY);
  await eviction.tick();
  expect(there()).toEqual(["a", "b", "j"]);
  for (let day = 0; day < 29 * 24; day++) {
    clock.set(clock.now() + DAY / 24);
    await eviction.tick();
  }
  expect(there()).toEqual(["a", "b", "j"]);
  want("a", "b");
  await eviction.tick();
  expect(rows.get("a" as DistfileName)?.orphanedAt).toBeNull();
  want("b");
  for (let hours = 0; hours < 31 * 24; hours++) {
    clock.set(clock.now() + DAY / 24);
    await eviction.tick();
  }
  // One that no repository ever knew is no orphan.
  expect(there()).toEqual(["b", "j"]);
});

test("room is reserved up to the limit, made by removing, and refused where it can't be had", async () => {
  for (const name of ["a", "b", "c"]) put(name, 30 * KIB, { usedAt: clock.now() - DAY });
  const { eviction } = await evictionOver();
  expect(await eviction.reserve(room(101 * KIB))).toBeUndefined();
  const [first, second] = await Promise.all([eviction.reserve(room(40 * KIB)), eviction.reserve(room(40 * KIB))]);
  expect([first, second].every((reservation) => reservation !== undefined)).toBe(true);
  expect(rows.bytes() + 80 * KIB).toBeLessThanOrEqual(100 * KIB);
  const left = there().length;
  const none = eviction.reserve(room(100 * KIB));
  for (let i = 0; i < 10; i++) await clock.advance(1000);
  expect(await none).toBeUndefined();
  // For what can't be had nothing is removed.
  expect(there()).toHaveLength(left);
  first?.release();
  second?.release();
  expect(await eviction.reserve(room(100 * KIB))).toBeDefined();
});

test("parts that nobody continues count, and go after a day", async () => {
  writeFileSync(folder.file("store/partial/x"), new Uint8Array(50 * KIB));
  store = openStore(folder.file("store"));
  clock.set(Date.now());
  const { eviction } = await evictionOver();
  expect(eviction.spareBytes()).toBe(50 * KIB);
  clock.set(Date.now() + 2 * DAY);
  expect((await eviction.clean()).parts).toBe(1);
  expect(eviction.spareBytes()).toBe(100 * KIB);
});

test("parts go for a file, before others after an hour, else where those are not enough", async () => {
  clock.set(Date.now());
  put("a", 40 * KIB);
  put("b", 10 * KIB);
  clock.set(Date.now() + 60_000);
  const left = async (kib: number) => {
    writeFileSync(folder.file("store/partial/x"), new Uint8Array(kib * KIB));
    store = openStore(folder.file("store"));
    expect(await reserved((await evictionOver()).eviction, room(50 * KIB))).toBeDefined();
    return [there(), store.leftPartBytes().all];
  };
  expect(await left(20)).toEqual([["b"], 20 * KIB]);
  expect(await left(150)).toEqual([["b"], 0]);
  clock.set(Date.now() + DAY / 12);
  expect(await left(60)).toEqual([["b"], 0]);
});

const unvouched = { source: "http://mirror/x", verifiedAt: 1 } as const;
const vouched = { ...unvouched, wantedOnce: true } as const;
const fill = (names: string, size: number, more: Partial<NewFileRow>) => {
  for (const name of names) put(name, size, { ...more, usedAt: clock.now() - DAY });
};

test("what no Manifest vouches for and can't have its share, or may have no end, removes nothing", async () => {
  fill("abcdefghi", 10 * KIB, vouched);
  const { eviction } = await evictionOver();
  for (const bytes of [11 * KIB, 2 ** 40]) {
    expect(await reserved(eviction, room(bytes, { verified: false }))).toBeUndefined();
  }
  // Of unknown size: it gets what is free, in its share, and no more.
  const first = await reserved(eviction, room(10 * KIB, { verified: false, sized: false }));
  expect(first).toBeDefined();
  expect(await reserved(eviction, room(KIB, { verified: false, sized: false }))).toBeUndefined();
  first?.release();
  put("j", 10 * KIB, vouched);
  expect(await reserved(eviction, room(KIB, { verified: false, sized: false }))).toBeUndefined();
  expect(there()).toHaveLength(10);
});

test("within its share it displaces what no Manifest vouches for either, and of the rest no more than it needs", async () => {
  fill("abcdefghi", 10 * KIB, vouched);
  put("j", 9 * KIB, unvouched);
  const { eviction } = await evictionOver();
  const reservation = await reserved(eviction, room(8 * KIB, { verified: false }));
  expect([reservation !== undefined, there().join("")]).toEqual([true, "abcdefghi"]);
  reservation?.release();
  put("j", 10 * KIB, vouched);
  const next = await reserved(eviction, room(8 * KIB, { verified: false }));
  expect([next !== undefined, there().length]).toEqual([true, 9]);
});

test("an unverified file becomes a verified one with the Manifest that wants it", async () => {
  const repositories = createRepositoryRows(index.db);
  const [id] = repositories.configure([{ name: "gentoo", location: "/tree" }]);
  const entries = [{ name: "a" as DistfileName, size: 10 * KIB }];
  fill("ab", 10 * KIB, unvouched);
  expect(rows.unverifiedBytes()).toBe(20 * KIB);
  repositories.replace(id!, [{ category: "c", package: "p", stamp: "1", entries }]);
  current = true;
  const { eviction } = await evictionOver({ orphans: createOrphanRows(index.db, rows.becameWanted) });
  await eviction.tick();
  expect([rows.unverifiedBytes(), createFileRows(index.db).unverifiedBytes()]).toEqual([10 * KIB, 10 * KIB]);
  expect(there()).toEqual(["a", "b"]);
});

test("files over the share of a limit that was lowered go, but not while a Manifest that wants them may be unread", async () => {
  fill("abc", 10 * KIB, unvouched);
  fill("def", 10 * KIB, vouched);
  const { eviction } = await evictionOver();
  await eviction.tick();
  expect(there()).toHaveLength(6);
  current = true;
  await eviction.tick();
  expect(there().filter((name) => "abc".includes(name))).toHaveLength(0);
  expect(there().filter((name) => "def".includes(name))).toHaveLength(3);
});

test("whatever unverified files ask for, in any order, verified ones keep all but their share", async () => {
  const wish = fc.record({ bytes: fc.integer({ min: 1, max: 30 * KIB }), sized: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(wish, { minLength: 1, maxLength: 12 }), async (wishes) => {
      for (const name of rows.page("", 1000).map(({ name }) => name)) {
        await store.remove(name);
        rows.forget(name);
      }
      fill("abcdefghij", 10 * KIB, vouched);
      const { eviction } = await evictionOver();
      for (const [i, { bytes, sized }] of wishes.entries()) {
        const reservation = await reserved(eviction, room(bytes, { verified: false, sized }));
        if (reservation) put(`junk-${i}`, bytes, unvouched);
        reservation?.release();
        expect(rows.unverifiedBytes()).toBeLessThanOrEqual(10 * KIB);
      }
      expect(there().length).toBeGreaterThanOrEqual(9);
      expect(rows.bytes()).toBeLessThanOrEqual(100 * KIB);
    }),
    { numRuns: 20 },
  );
});

test("whatever unverified files ask for at once, verified ones keep all but their share", async () => {
  fill("abcdefghij", 10 * KIB, vouched);
  const { eviction } = await evictionOver();
  const granted = await Promise.all(
    Array.from({ length: 30 }, () => reserved(eviction, room(9 * KIB, { verified: false }))),
  );
  expect([there().length, granted.filter((one) => one !== undefined).length]).toEqual([9, 1]);
});

test("however many unverified files wait, they displace their like, and a verified file gets its room", async () => {
  fill("abcdefgh", 10 * KIB, vouched);
  fill("ij", 5 * KIB, unvouched);
  const { eviction } = await evictionOver();
  const junk = Array.from({ length: 30 }, () => reserved(eviction, room(4 * KIB, { verified: false })));
  const [wanted, ...granted] = await Promise.all([reserved(eviction, room(10 * KIB)), ...junk]);
  expect([wanted !== undefined, granted.filter((one) => one !== undefined).length]).toEqual([true, 2]);
  expect(there().join("").replace(/[ij]/g, "")).toBe("abcdefgh");
});

test("too few free inodes are made by removing files, and refused where none can be made", async () => {
  fill("abcdefghij", KIB, vouched);
  const others = 114;
  const volumes = () => [
    {
      folder: "",
      totalBytes: 2 ** 41,
      freeBytes: 2 ** 40,
      freeInodes: 150 - others - there().length,
      totalInodes: 150,
    },
  ];
  const { eviction } = await evictionOver({ store: { ...store, volumes } });
  expect(eviction.spareBytes()).toBeLessThanOrEqual(0);
  expect(await reserved(eviction, room(KIB))).toBeDefined();
  // 32 stay free, and a file may need a folder.
  expect(there().length).toBeLessThanOrEqual(2);
  const { eviction: starved } = await evictionOver({
    store: { ...store, volumes: () => volumes().map((one) => ({ ...one, freeInodes: 0 })) },
  });
  expect(await reserved(starved, room(KIB))).toBeUndefined();
  expect(starved.obstacles(room(KIB)).map(({ kind }) => kind)).toContain("inodes");
});

test("what a quota refuses is room to be made, of bytes and of files", async () => {
  const refusal = (syscall: string) => Object.assign(new Error("quota"), { code: "EDQUOT", syscall });
  fill("abcde", 10 * KIB, vouched);
  const { eviction } = await evictionOver();
  eviction.refused(refusal("write"));
  const reservation = await reserved(eviction, room(10 * KIB));
  expect([reservation !== undefined, rows.bytes() + 10 * KIB <= 50 * KIB]).toEqual([true, true]);
  reservation?.release();
  const files = there().length;
  eviction.refused(refusal("open"));
  expect(await reserved(eviction, room(1))).toBeDefined();
  expect(there().length).toBeLessThan(files);
});
