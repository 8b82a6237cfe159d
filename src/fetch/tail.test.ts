import { expect, test } from "bun:test";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { BrokenOffError } from "../distfile/errors.ts";
import { createPieceSize } from "./shared-reads.ts";
import { createTail, type Reader, readFrom } from "./tail.ts";

function openFile(): number {
  const path = `/tmp/tail-test-${crypto.randomUUID()}`;
  const fd = openSync(path, "wx+");
  unlinkSync(path);
  return fd;
}

async function readAll(reader: Reader): Promise<string> {
  let text = "";
  for (let bytes = await reader.read(); bytes !== undefined; bytes = await reader.read())
    text += Buffer.from(bytes).toString();
  reader.close();
  return text;
}

test("readers get the bytes released, late ones from the start, and the end only when the file is complete", async () => {
  const fd = openFile();
  const tail = createTail(createPieceSize());
  tail.readBy(readFrom(fd));
  const early = readAll(tail.open(0, undefined));
  writeSync(fd, "hello world");
  tail.release(() => 5);
  const late = tail.open(0, undefined);
  expect(Buffer.from((await late.read()) ?? "").toString()).toBe("hello");
  let more = false;
  const rest = late.read().then((bytes) => {
    more = true;
    return bytes;
  });
  await Bun.sleep(5);
  expect(more).toBe(false);
  tail.finish(11);
  expect(Buffer.from((await rest) ?? "").toString()).toBe(" world");
  expect(await late.read()).toBeUndefined();
  expect(await early).toBe("hello world");
  expect(await readAll(tail.open(6, 9))).toBe("wor");
  late.close();
  await tail.closed();
  closeSync(fd);
});

test("a restart breaks off readers that had bytes, and no others", async () => {
  const fd = openFile();
  const tail = createTail(createPieceSize());
  tail.readBy(readFrom(fd));
  const begun = tail.open(0, undefined);
  const fresh = tail.open(0, undefined);
  writeSync(fd, "wrong");
  tail.release(() => 5);
  await begun.read();
  tail.restart();
  await expect(begun.read()).rejects.toBeInstanceOf(BrokenOffError);
  writeSync(fd, "right", 0);
  tail.finish(5);
  expect(await readAll(fresh)).toBe("right");
  begun.close();
  closeSync(fd);
});

test("a failure reaches readers without bytes as it is, readers with bytes as a break", async () => {
  const fd = openFile();
  const tail = createTail(createPieceSize());
  tail.readBy(readFrom(fd));
  const begun = tail.open(0, undefined);
  const fresh = tail.open(3, undefined);
  writeSync(fd, "abc");
  tail.release(() => 3);
  await begun.read();
  const waiting = tail.reached(3).catch((error: unknown) => error);
  tail.fail(new RangeError("no source"));
  await expect(begun.read()).rejects.toBeInstanceOf(BrokenOffError);
  await expect(fresh.read()).rejects.toBeInstanceOf(RangeError);
  expect(await waiting).toBeInstanceOf(RangeError);
  await tail.reached(2);
  begun.close();
  fresh.close();
  closeSync(fd);
});

test("closed() waits for the last reader, and a closed reader reads no more", async () => {
  const fd = openFile();
  const tail = createTail(createPieceSize());
  tail.readBy(readFrom(fd));
  const reader = tail.open(0, undefined);
  tail.finish(0);
  let closed = false;
  const all = tail.closed().then(() => {
    closed = true;
  });
  await Bun.sleep(5);
  expect(closed).toBe(false);
  reader.close();
  reader.close();
  await all;
  await expect(reader.read()).rejects.toBeInstanceOf(BrokenOffError);
  closeSync(fd);
});

test("a release after the end takes nothing back: readers still get the whole file", async () => {
  const fd = openFile();
  const tail = createTail(createPieceSize());
  tail.readBy(readFrom(fd));
  const reader = tail.open(0, undefined);
  writeSync(fd, "hello world");
  tail.release(() => 5);
  expect(Buffer.from((await reader.read()) ?? "").toString()).toBe("hello");
  tail.finish(11);
  // The hold timer of the writer may fire while the disk still syncs the file.
  tail.release(() => 5);
  await tail.reached(10);
  expect(await readAll(reader)).toBe(" world");
  await tail.closed();
  closeSync(fd);
});
