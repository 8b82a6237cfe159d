import { expect, test } from "bun:test";
import { createSharedReads } from "./shared-reads.ts";

const KIB = 1024;

function bench() {
  const reads: [number, number][] = [];
  const recent = createSharedReads(async (position, length) => {
    reads.push([position, length]);
    return new Uint8Array(length).fill(1);
  });
  return { reads, recent };
}

test("all who are at one place share one read, which ends where the next piece of the file begins", async () => {
  const { reads, recent } = bench();
  const [one, other] = await Promise.all([recent.read(10, 500 * KIB), recent.read(10, 500 * KIB)]);
  expect(one).toBe(other);
  expect(reads).toEqual([[10, 64 * KIB - 10]]);
});

test("what was written is had without a read, but no further than it may be read", async () => {
  const { reads, recent } = bench();
  const bytes = new Uint8Array(100).fill(7);
  recent.written(200, bytes);
  expect(await recent.read(200, 300)).toBe(bytes);
  expect(await recent.read(200, 240)).toEqual(bytes.subarray(0, 40));
  expect(reads).toEqual([]);
  expect((await recent.read(240, 300)).length).toBe(60);
  expect(reads).toEqual([[240, 60]]);
});

test("few pieces are kept, and none once they are void", async () => {
  const { reads, recent } = bench();
  for (let i = 0; i < 100; i++) recent.written(i * 10, new Uint8Array(10));
  await recent.read(0, 10);
  await recent.read(990, 1000);
  expect(reads).toEqual([[0, 10]]);
  recent.clear();
  await recent.read(990, 1000);
  expect(reads.length).toBe(2);
});
