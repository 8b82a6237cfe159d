import { expect, test } from "bun:test";
import { createCopySizes, createTreeSizes, MAX_REPOSITORY_BYTES, MAX_REPOSITORY_FILE_BYTES } from "./size-limit.ts";

const entry = (size: number | string, path: string) => `100644 blob ${"a".repeat(40)} ${size}\t${path}\0`;

test("sizes are summed up however the output is cut, and submodules have none", () => {
  const sizes = createTreeSizes();
  const files = MAX_REPOSITORY_BYTES / MAX_REPOSITORY_FILE_BYTES;
  const text = Array.from({ length: files }, (_, i) => entry(MAX_REPOSITORY_FILE_BYTES, `a ${i}\tb`)).join("");
  for (let at = 0; at < text.length; at += 7) sizes.read(text.slice(at, at + 7));
  sizes.read(entry("-", "submodule"));
  sizes.check();
  sizes.read(entry("      1", "one more"));
  expect(sizes.check).toThrow("the repository has files of 2.00 GiB: expected at most 2.00 GiB");
});

test("one large file is named", () => {
  const sizes = createTreeSizes();
  sizes.read(entry(MAX_REPOSITORY_FILE_BYTES + 1, "profiles/zeros"));
  expect(sizes.check).toThrow('a file "profiles/zeros" of 64.0 MiB: expected at most 64.0 MiB');
});

test("a path without end is given up as it comes", () => {
  const tree = createTreeSizes();
  tree.read(entry(0, "a".repeat(4096)));
  tree.read(entry(0, "a".repeat(3000)).slice(0, -1));
  expect(() => tree.read("a".repeat(2000))).toThrow("a path of more than 4096 characters");
});

test("what rsync copies is counted as it comes, and so is what git would check out", () => {
  const copied = createCopySizes();
  copied(">f+++++++++_2147483");
  copied("648\ncd+++++++++_4096\n");
  expect(() => copied(">f+++++++++_1\n")).toThrow("the repository has files of 2.00 GiB: expected at most 2.00 GiB");
  const many = createCopySizes();
  many("cd+++++++++_4096\n".repeat(1_000_000));
  expect(() => many("cd+++++++++_4096\n")).toThrow("too many files: expected at most 1000000");
  const tree = createTreeSizes();
  tree.read(entry(0, "a").repeat(1_000_000));
  expect(() => tree.read(entry(0, "a"))).toThrow("too many files: expected at most 1000000");
});

test("messages of a remote neither hide what rsync copies nor fill the memory", () => {
  const copied = createCopySizes();
  copied(`>f+++++++++_${MAX_REPOSITORY_BYTES}\n>f_-9999999999\n>f_NaN\n>f of the day\n`);
  expect(() => copied(">f+++++++++_1\n")).toThrow("the repository has files of 2.00 GiB");
  const endless = createCopySizes();
  endless("x".repeat(65_536));
  expect(() => endless("x")).toThrow("a message without an end");
});
