import { expect, test } from "bun:test";
import { createPieceSize, createSharedReads } from "./shared-reads.ts";

const KIB = 1024;

function setUp() {
  const reads: [number, number][] = [];
  const pieceSize = createPieceSize();
  const sharedReads = createSharedReads(async (position, length) => {
    reads.push([position, length]);
    return new Uint8Array(length).fill(1);
  }, pieceSize);
  return { reads, sharedReads, pieceSize };
}

test("all readers at one place share one read, which ends where the next chunk of the file begins", async () => {
  const { reads, sharedReads } = setUp();
  const [one, other] = await Promise.all([sharedReads.read(10, 500 * KIB), sharedReads.read(10, 500 * KIB)]);
  expect(one).toBe(other);
  expect(reads).toEqual([[10, 64 * KIB - 10]]);
});

test("written bytes need no read, but are given no further than they may be read", async () => {
  const { reads, sharedReads } = setUp();
  const bytes = new Uint8Array(100).fill(7);
  sharedReads.written(200, bytes);
  expect(await sharedReads.read(200, 300)).toBe(bytes);
  expect(await sharedReads.read(200, 240)).toEqual(bytes.subarray(0, 40));
  expect(reads).toEqual([]);
  expect((await sharedReads.read(240, 300)).length).toBe(60);
  expect(reads).toEqual([[240, 60]]);
});

test("few chunks are kept, and none after clear()", async () => {
  const { reads, sharedReads } = setUp();
  for (let i = 0; i < 100; i++) sharedReads.written(i * 10, new Uint8Array(10));
  await sharedReads.read(0, 10);
  await sharedReads.read(990, 1000);
  expect(reads).toEqual([[0, 10]]);
  sharedReads.clear();
  await sharedReads.read(990, 1000);
  expect(reads.length).toBe(2);
});

test("of large pieces a MiB is kept, less when there are many readers, and always the newest", async () => {
  const { reads, sharedReads, pieceSize } = setUp();
  const write = () => {
    for (let i = 0; i < 8; i++) sharedReads.written(i * 256 * KIB, new Uint8Array(256 * KIB));
  };
  write();
  for (const i of [7, 6, 5, 4]) await sharedReads.read(i * 256 * KIB, 4096 * KIB);
  expect(reads).toEqual([]);
  await sharedReads.read(3 * 256 * KIB, 4096 * KIB);
  expect(reads).toEqual([[3 * 256 * KIB, 64 * KIB]]);
  for (let i = 0; i < 64; i++) pieceSize.enter();
  write();
  await sharedReads.read(7 * 256 * KIB, 4096 * KIB);
  expect(reads.length).toBe(1);
  await sharedReads.read(6 * 256 * KIB, 4096 * KIB);
  expect(reads.length).toBe(2);
});

test("pieces get smaller when there are many readers, and large again when they have left", async () => {
  const { sharedReads, pieceSize } = setUp();
  const leaving = Array.from({ length: 1_000 }, () => pieceSize.enter());
  expect((await sharedReads.read(0, 500 * KIB)).length).toBe(8 * KIB);
  sharedReads.written(100, new Uint8Array(200 * KIB).fill(7));
  // Also of what was written in one large piece, wherever they are in it.
  expect(await sharedReads.read(8 * KIB, 500 * KIB)).toEqual(new Uint8Array(8 * KIB).fill(7));
  for (const leave of leaving) {
    leave();
    leave();
  }
  expect([pieceSize.bytes, (await sharedReads.read(100, 500 * KIB)).length]).toEqual([64 * KIB, 200 * KIB]);
});
