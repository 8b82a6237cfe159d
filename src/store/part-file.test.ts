import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { createTempFolder } from "../testing/temp.ts";
import { openPartFile } from "./part-file.ts";

const size = 8 * 1024 * 1024;

test("bytes that were being written when the file was settled are settled again", async () => {
  using folder = createTempFolder();
  const path = folder.file("a");
  const part = openPartFile(path, false);
  const writing = part.write(new Uint8Array(size), 0);
  const early = part.settle(1_000_000);
  await Promise.all([writing, early]);
  await part.settle(2_000_000);
  expect(statSync(path).mtimeMs).toBe(2_000_000);
  await part.settle(3_000_000);
  expect(statSync(path).mtimeMs).toBe(2_000_000);
  part.leave(false);
  await part.close();
});

test("a file cut after it was settled is settled again", async () => {
  using folder = createTempFolder();
  const path = folder.file("a");
  const part = openPartFile(path, false);
  await part.write(new Uint8Array(size), 0);
  const cutting = part.truncate(10);
  const early = part.settle(1_000_000);
  await Promise.all([cutting, early]);
  await part.settle(2_000_000);
  expect(statSync(path)).toMatchObject({ size: 10, mtimeMs: 2_000_000 });
  part.leave(false);
  await part.close();
});
