import { expect, test } from "bun:test";
import { BrokenOffError, UnavailableError } from "../distfile/errors.ts";
import { createHasher } from "../distfile/hasher.ts";
import { readContent } from "../testing/content.ts";
import { createPartWriter, type Part } from "./part-writer.ts";
import { createLargeBuffers, createPassthroughBuffer, type Readers } from "./passthrough-buffer.ts";
import { createPieceSize } from "./shared-reads.ts";
import { createTail, type Reader } from "./tail.ts";

const MIB = 1024 * 1024;
const content = { size: 16 * MIB, seed: 1 };

function setUp(slowReaderMs: number) {
  const tail = createTail(createPieceSize());
  const buffer = createPassthroughBuffer(0, true, tail, createLargeBuffers(), () => heldUp++, slowReaderMs);
  tail.readBy(async (position, length) => buffer.read(position, length));
  let [at, most, heldUp] = [0, 0, 0];
  async function send(): Promise<void> {
    while (at < content.size) {
      const bytes = readContent(content, at, at + MIB / 4);
      await buffer.push(bytes);
      at += bytes.length;
      most = Math.max(most, at - (tail.lowest ?? at));
      tail.release(() => at);
    }
    tail.finish(at);
  }
  return { tail, buffer, send, most: () => most };
}

async function readAll(reader: Reader, pauseMs = 0): Promise<number> {
  let position = 0;
  for (let bytes = await reader.read(); bytes !== undefined; bytes = await reader.read()) {
    expect(Buffer.compare(bytes, readContent(content, position, position + bytes.length))).toBe(0);
    position += bytes.length;
    if (pauseMs > 0) await Bun.sleep(pauseMs);
  }
  reader.close();
  return position;
}

test("the writer waits for the slowest reader, and few bytes are held", async () => {
  const { tail, send, most } = setUp(30_000);
  const readers = [readAll(tail.open(0, undefined)), readAll(tail.open(0, undefined), 3)];
  await send();
  expect(await Promise.all(readers)).toEqual([content.size, content.size]);
  expect(most()).toBeLessThan(6 * MIB);
});

test("a reader that takes nothing while others wait is broken off, and the others get all", async () => {
  const { tail, send } = setUp(50);
  const stuck = tail.open(0, undefined);
  const other = readAll(tail.open(0, undefined));
  await send();
  expect(await other).toBe(content.size);
  await expect(stuck.read()).rejects.toBeInstanceOf(BrokenOffError);
  stuck.close();
});

test("a reader that is alone may take its time", async () => {
  const { tail, send } = setUp(10);
  const reader = tail.open(0, undefined);
  const sending = send();
  await Bun.sleep(100);
  expect(await readAll(reader)).toBe(content.size);
  await sending;
});

test("passing through ends when nobody reads any more", async () => {
  const { tail, buffer, send } = setUp(30_000);
  const reader = tail.open(0, undefined);
  const sending = send();
  await Bun.sleep(10);
  reader.close();
  await expect(sending).rejects.toBeInstanceOf(UnavailableError);
  expect(buffer.read(0, 10)).toHaveLength(0);
});

test("a stopped download does not wait for a reader that takes nothing", async () => {
  const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
  const stopper = new AbortController();
  const nowhere: Part = {
    fd: undefined,
    length: 0,
    validator: undefined,
    named: false,
    reserve: async () => false,
    write: async () => {},
    mark: async () => {},
    truncate: async () => {},
    settle: async () => {},
    rememberValidator: () => {},
  };
  const tail = createTail(createPieceSize());
  const openBuffer = (start: number) =>
    createPassthroughBuffer(start, true, tail, createLargeBuffers(), () => undefined);
  const writer = createPartWriter(nowhere, tail, hasher, [], stopper.signal, openBuffer);
  writer.total = content.size;
  writer.passThrough();
  const reader = writer.tail.open(0, undefined);
  async function send(): Promise<void> {
    for (let at = 0; at < content.size; at += MIB) await writer.write(readContent(content, at, at + MIB), at);
  }
  const sending = send();
  while (writer.position < 5 * MIB) await Bun.sleep(1);
  stopper.abort(new Error("the server ends"));
  await expect(sending).rejects.toThrow("the server ends");
  reader.close();
  await writer.stop();
  hasher.close();
});

/** A reader that has taken everything up to a place of the test's choice. */
function createReaderAt(position: number): Readers & { moveTo(position: number): void } {
  let moving = Promise.withResolvers<void>();
  let lowest = position;
  return {
    get lowest() {
      return lowest;
    },
    moved: () => moving.promise,
    breakOffSlowest: () => undefined,
    moveTo(to) {
      lowest = to;
      moving.resolve();
      moving = Promise.withResolvers();
    },
  };
}

test("of many files that are held until they are verified some are held whole, and then the others", async () => {
  const largeBuffers = createLargeBuffers(2);
  const piece = new Uint8Array(MIB / 16);
  const pushed: number[] = Array.from({ length: 20 }, () => 0);
  async function send(i: number): Promise<void> {
    const reader = createReaderAt(0);
    const buffer = createPassthroughBuffer(0, true, reader, largeBuffers, () => undefined);
    for (let at = 0; at < 4 * MIB; at += piece.length) {
      await buffer.push(piece);
      pushed[i] = at + piece.length;
      const held = pushed.filter((bytes) => bytes < 4 * MIB);
      expect(held.filter((bytes) => bytes > MIB / 4).length).toBeLessThanOrEqual(2);
      await Bun.sleep(0);
    }
    reader.moveTo(4 * MIB);
    buffer.close();
  }
  await Promise.all(pushed.map((_, i) => send(i)));
  expect([true, true, true].map(largeBuffers.take)).toEqual([true, true, false]);
});

test("files that no Manifest vouches for leave most of the large buffers to others", () => {
  const { take, give } = createLargeBuffers();
  const [verified, unverified] = [Array<boolean>(20).fill(true), Array<boolean>(20).fill(false)];
  expect(unverified.map(take).filter((isTaken) => isTaken)).toHaveLength(3);
  expect(verified.map(take).filter((isTaken) => isTaken)).toHaveLength(9);
  give(false);
  give(true);
  expect([take(true), take(false), take(false)]).toEqual([true, true, false]);
});

test("a file that finds no large buffer free streams through a small one", async () => {
  const largeBuffers = createLargeBuffers(0);
  const reader = createReaderAt(0);
  const buffer = createPassthroughBuffer(0, true, reader, largeBuffers, () => undefined);
  const piece = new Uint8Array(MIB / 16);
  for (let at = 0; at < MIB; at += piece.length) {
    const pushing = buffer.push(piece);
    if (at >= MIB / 4) reader.moveTo(at - MIB / 4 + piece.length);
    await pushing;
  }
  expect(buffer.read(MIB / 2, 1)).toHaveLength(0);
  expect(buffer.read(MIB - 1, 10)).toHaveLength(1);
});
