import { expect, test } from "bun:test";
import { createLineWriter } from "./line-writer.ts";

function recorder() {
  const writes: string[] = [];
  let busy = false;
  let most = Number.POSITIVE_INFINITY;
  const write = (_fd: number, bytes: Uint8Array): number => {
    if (busy) throw Object.assign(new Error("busy"), { code: "EAGAIN" });
    const taken = bytes.subarray(0, most);
    writes.push(Buffer.from(taken).toString());
    if (taken.length < bytes.length) busy = true;
    return taken.length;
  };
  return {
    writes,
    write,
    take(bytes: number) {
      most = bytes;
      busy = bytes === 0;
    },
  };
}

test("few lines are written at once, one by one", () => {
  const { writes, write } = recorder();
  const lines = createLineWriter(2, write);
  lines.write("a\n");
  lines.write("b\n");
  expect(writes).toEqual(["a\n", "b\n"]);
});

test("thousands of lines take few writes, with none missing or out of order", async () => {
  const { writes, write } = recorder();
  const lines = createLineWriter(2, write);
  const all = Array.from({ length: 5000 }, (_, i) => `line ${i}\n`);
  for (const line of all) lines.write(line);
  await Bun.sleep(100);
  expect(writes.join("")).toBe(all.join(""));
  expect(writes.length).toBeLessThan(50);
});

test("flush() writes the lines held back", () => {
  const { writes, write } = recorder();
  const lines = createLineWriter(2, write);
  for (let i = 0; i < 100; i++) lines.write(`${i}\n`);
  lines.flush();
  expect(writes.join("")).toBe(Array.from({ length: 100 }, (_, i) => `${i}\n`).join(""));
});

test("a full pipe gets the rest once it takes bytes again, also in the middle of a line", async () => {
  const { writes, write, take } = recorder();
  const lines = createLineWriter(2, write);
  take(3);
  lines.write("abcdef\n");
  lines.write("second\n");
  expect(writes).toEqual(["abc"]);
  take(1000);
  await Bun.sleep(100);
  expect(writes.join("")).toBe("abcdef\nsecond\n");
});

test("a stuck reader costs bounded memory and learns how many lines it missed", async () => {
  const { writes, write, take } = recorder();
  const lines = createLineWriter(2, write);
  take(0);
  for (let i = 0; i < 100_500; i++) lines.write("x\n");
  take(10_000_000);
  await Bun.sleep(100);
  const text = writes.join("");
  expect(text.match(/^x$/gm)?.length).toBeLessThan(100_100);
  expect(text).toMatch(/… \d+ more lines dropped/);
});
