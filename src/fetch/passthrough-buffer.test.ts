import { expect, test } from "bun:test";
import { BrokenOffError, UnavailableError } from "../distfile/errors.ts";
import { createHasher } from "../distfile/hasher.ts";
import { readContent } from "../testing/content.ts";
import { createPartWriter, type Part } from "./part-writer.ts";
import { createPassthroughBuffer } from "./passthrough-buffer.ts";
import { createPieceSize } from "./shared-reads.ts";
import { createTail, type Reader } from "./tail.ts";

const MIB = 1024 * 1024;
const content = { size: 16 * MIB, seed: 1 };

function setUp(slowReaderMs: number) {
  const tail = createTail(createPieceSize());
  const buffer = createPassthroughBuffer(0, tail, () => heldUp++, slowReaderMs);
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
    rememberValidator: () => {},
  };
  const writer = createPartWriter(nowhere, createTail(createPieceSize()), hasher, [], stopper.signal, () => undefined);
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
