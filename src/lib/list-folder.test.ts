import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { createTempFolder } from "../testing/temp.ts";
import { listAtMost, listFolder } from "./list-folder.ts";

async function all(folder: string): Promise<readonly string[]> {
  return (await Array.fromAsync(listFolder(folder))).sort();
}

test("every name in the folder is listed once, and none below it", async () => {
  using folder = createTempFolder();
  mkdirSync(folder.file("-d"));
  writeFileSync(folder.file("-d/below"), "");
  const names = ["a b", "line\nfeed", "ü€", ".hidden", "*"];
  for (const name of names) writeFileSync(folder.file(name), "");
  expect(await all(folder.path)).toEqual([...names, "-d"].sort());
  expect(await all(`${folder.path}/`)).toEqual([...names, "-d"].sort());
});

test("a name that comes in several pieces is whole", async () => {
  using folder = createTempFolder();
  const names = Array.from({ length: 3000 }, (_, i) => `${i}-${"x".repeat(100)}-ü`);
  for (const name of names) writeFileSync(folder.file(name), "");
  expect(await all(folder.path)).toEqual(names.sort());
});

test("a folder that can't be read is an error", async () => {
  using folder = createTempFolder();
  await expect(all(folder.file("none"))).rejects.toThrow("none");
});

test("the caller may stop early", async () => {
  using folder = createTempFolder();
  for (let i = 0; i < 2000; i++) writeFileSync(folder.file(`${i}-${"x".repeat(100)}`), "");
  for await (const name of listFolder(folder.path)) {
    expect(name).toContain("xxx");
    break;
  }
});

test("of a folder with any number of names only as many are listed as are asked for", async () => {
  using folder = createTempFolder();
  for (let i = 0; i < 20; i++) writeFileSync(folder.file(`${i}`), "");
  expect((await listAtMost(folder.path, 30)).length).toBe(20);
  expect((await listAtMost(folder.path, 10)).length).toBe(10);
  for (let i = 0; i < 5000; i++) writeFileSync(folder.file(`${i}-${"x".repeat(100)}`), "");
  expect((await listAtMost(folder.path, 6000)).length).toBe(5020);
  expect(new Set(await listAtMost(folder.path, 100)).size).toBe(100);
  await expect(listAtMost(folder.file("none"), 10)).rejects.toMatchObject({ code: "ENOENT" });
});
