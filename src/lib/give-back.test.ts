import { expect, test } from "bun:test";
import { giveBack } from "./give-back.ts";

const SIZE = 128 * 1024;

test("the memory of a large array is free at once", () => {
  const bytes = new Uint8Array(SIZE);
  giveBack(bytes);
  giveBack(bytes);
  expect([bytes.length, bytes.buffer.detached]).toEqual([0, true]);
});

test("small arrays, and those that share their memory, stay as they are", () => {
  const all = new Uint8Array(2 * SIZE).fill(1);
  const part = all.subarray(0, SIZE);
  const small = new Uint8Array(16).fill(1);
  for (const bytes of [part, small]) giveBack(bytes);
  expect([all.length, part.length, part[0], small.length]).toEqual([2 * SIZE, SIZE, 1, 16]);
});
