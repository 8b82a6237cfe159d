import { expect, test } from "bun:test";
import type { DistfileName } from "../distfile/name.ts";
import { createMemoryCache, type MemoryCache } from "./memory-cache.ts";
import type { StoredFile } from "./store.ts";

const KIB = 1024;

function nameOf(i: number): DistfileName {
  return `file-${i}.tar.xz` as DistfileName;
}

function fileOf(i: number, size = KIB, stamp = "1"): StoredFile {
  return { path: `/store/${i}`, size, modifiedAt: 0, stamp };
}

function filled(limitBytes: number, loads: string[] = []): MemoryCache {
  return createMemoryCache({
    limitBytes: () => limitBytes,
    load: async ({ path, size }) => {
      loads.push(path);
      return new Blob([new Uint8Array(size)]);
    },
  });
}

async function use(cache: MemoryCache, i: number, times = 1, file = fileOf(i)): Promise<Blob | undefined> {
  let body: Blob | undefined;
  for (let time = 0; time < times; time++) {
    body = cache.use(nameOf(i), file);
    await Bun.sleep(0);
  }
  return body;
}

test("a file is there from its second use on, and read once", async () => {
  const loads: string[] = [];
  const cache = filled(64 * KIB, loads);
  expect(await use(cache, 1)).toBeUndefined();
  expect((await use(cache, 1, 5))?.size).toBe(KIB);
  expect(loads).toEqual(["/store/1"]);
  expect([cache.files, cache.bytes]).toEqual([1, KIB]);
});

test("bytes of another stamp are not given out", async () => {
  const cache = filled(64 * KIB);
  await use(cache, 1, 2);
  expect(await use(cache, 1, 1, fileOf(1, 2 * KIB, "2"))).toBeUndefined();
  expect((await use(cache, 1, 1, fileOf(1, 2 * KIB, "2")))?.size).toBe(2 * KIB);
  expect(cache.bytes).toBe(2 * KIB);
});

test("the memory cache holds no more than its limit, whatever is requested", async () => {
  const cache = filled(10 * KIB);
  for (let i = 0; i < 2000; i++) {
    await use(cache, (i * 7919) % 97, 1 + (i % 3), fileOf((i * 7919) % 97, 1 + ((i * 31) % (2 * KIB))));
    expect(cache.bytes).toBeLessThanOrEqual(10 * KIB);
  }
  expect(cache.bytes).toBeGreaterThan(5 * KIB);
});

test("files requested often stay when a thousand others are requested once", async () => {
  const cache = filled(10 * KIB);
  for (let i = 0; i < 10; i++) await use(cache, i, 20);
  for (let i = 100; i < 1100; i++) await use(cache, i);
  for (let i = 0; i < 10; i++) expect((await use(cache, i))?.size).toBe(KIB);
});

test("files requested often now displace those that were once", async () => {
  const cache = filled(10 * KIB);
  for (let i = 0; i < 10; i++) await use(cache, i, 5);
  for (let round = 0; round < 3000; round++) for (let i = 50; i < 60; i++) await use(cache, i);
  for (let i = 50; i < 60; i++) expect((await use(cache, i))?.size).toBe(KIB);
});

test("large files, files of a large share, and all files where nothing may be held are left to the disk", async () => {
  expect(await use(filled(64 * KIB), 1, 3, fileOf(1, 9 * KIB))).toBeUndefined();
  expect(await use(filled(64 * KIB * KIB), 1, 3, fileOf(1, 2 * KIB * KIB + 1))).toBeUndefined();
  expect(await use(filled(0), 1, 3, fileOf(1, 1))).toBeUndefined();
});

test("a file that can't be read is asked for again at its next use", async () => {
  let fail = true;
  const cache = createMemoryCache({
    limitBytes: () => 64 * KIB,
    load: async () => {
      if (fail) throw new Error("EIO");
      return new Blob(["x"]);
    },
  });
  await use(cache, 1, 2);
  expect(cache.files).toBe(0);
  fail = false;
  expect(await (await use(cache, 1, 2))?.text()).toBe("x");
});

test("a limit that is lowered holds from the next use on", async () => {
  let limit = 10 * KIB;
  const cache = createMemoryCache({
    limitBytes: () => limit,
    load: async ({ size }) => new Blob([new Uint8Array(size)]),
  });
  for (let i = 0; i < 10; i++) await use(cache, i, 2);
  expect(cache.bytes).toBe(10 * KIB);
  limit = 3 * KIB;
  await use(cache, 0);
  expect(cache.bytes).toBeLessThanOrEqual(3 * KIB);
});

test("files requested in neither of the last two periods are released, and the rest stay", async () => {
  const cache = filled(64 * KIB);
  await use(cache, 1, 2);
  await use(cache, 2, 2);
  cache.release();
  await use(cache, 2);
  cache.release();
  expect([cache.holds(nameOf(1)), cache.holds(nameOf(2)), cache.bytes]).toEqual([false, true, KIB]);
  cache.release();
  cache.release();
  expect([cache.files, cache.bytes]).toEqual([0, 0]);
});
