import { afterEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { standardFolder } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import { lockStore, StoreLockedError } from "./lock.ts";
import { openStore } from "./store.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newStore() {
  const location = mkdtempSync("/tmp/portcache-store-");
  folders.push(location);
  return { location, store: openStore(location) };
}

const name = "foo-1%2F2.tar.gz" as DistfileName;
const bytes = new TextEncoder().encode("content");
const resumeAll = () => true;

test("a committed file lies under its name's hash, mode 0644, with upstream's mtime, and its part is gone", async () => {
  const { location, store } = newStore();
  const part = store.openPart(name, resumeAll);
  await part.write(bytes, 0);
  const file = (await store.commit(part, name, 784903526_000))!;
  part.leave(false);
  await part.close();
  expect(file.path).toBe(`${location}/distfiles/${standardFolder(name)}/${name}`);
  expect(readFileSync(file.path, "utf8")).toBe("content");
  expect(statSync(file.path).mode & 0o777).toBe(0o644);
  expect(file.modifiedAt).toBe(784903526_000);
  expect(store.stat(name)).toEqual(file);
  expect(readdirSync(`${location}/partial`)).toEqual([]);
});

test("a file that somebody else puts in the place of one just stored is not taken for it", async () => {
  const { location, store } = newStore();
  const part = store.openPart(name, resumeAll);
  await part.write(bytes, 0);
  writeFileSync(`${location}/other`, "contenT");
  const moveTo = async (path: string) => {
    await part.moveTo(path);
    renameSync(`${location}/other`, path);
  };
  const file = (await store.commit({ ...part, moveTo }, name, 784903526_000))!;
  part.leave(false);
  await part.close();
  expect(store.stat(name)).toBeDefined();
  expect(store.isSame(file)).toBe(false);
});

test("a part file that is kept is there for the next download, an empty one or one not kept is not", async () => {
  const { location, store } = newStore();
  const part = store.openPart(name, resumeAll);
  await part.write(bytes, 0);
  part.leave(true);
  await part.close();
  const again = store.openPart(name, (length) => length === bytes.length);
  expect(again.length).toBe(bytes.length);
  again.leave(true);
  await again.close();
  const refused = store.openPart(name, () => false);
  expect(refused.length).toBe(0);
  refused.leave(true);
  await refused.close();
  expect(readdirSync(`${location}/partial`)).toEqual([]);
});

test("of a part file that a crash left with gaps only the bytes before them count, and one that was truncated counts whole", async () => {
  const { location, store } = newStore();
  const part = store.openPart(name, resumeAll);
  await part.write(bytes, 0);
  await part.mark(4, 1000);
  await part.write(bytes, 500);
  const crashed = readFileSync(`${location}/partial/${name}`);
  part.leave(false);
  await part.close();
  writeFileSync(`${location}/partial/${name}`, crashed);
  const lengths: number[] = [];
  const again = store.openPart(name, (length) => lengths.push(length) > 0);
  expect([again.length, lengths]).toEqual([4, [4]]);
  await again.mark(4, 1000);
  await again.truncate(4);
  again.leave(true);
  await again.close();
  expect(readFileSync(`${location}/partial/${name}`, "utf8")).toBe("cont");
  // A mark that gives another length than the file has is not ours.
  const foreign = Buffer.concat([crashed.subarray(0, 900), crashed.subarray(-51)]);
  writeFileSync(`${location}/partial/${name}`, foreign);
  const taken = store.openPart(name, resumeAll);
  expect(taken.length).toBe(951);
  taken.leave(false);
  await taken.close();
});

test("two parts of one name never share a file", async () => {
  const { location, store } = newStore();
  const first = store.openPart(name, resumeAll);
  const second = store.openPart(name, resumeAll);
  expect([first.named, second.named, store.openPart(name, undefined).named]).toEqual([true, false, false]);
  await second.write(bytes, 0);
  expect(statSync(`${location}/partial/${name}`).size).toBe(0);
  await expect(store.commit(second, name, 0)).rejects.toThrow("no name");
  second.leave(false);
  await second.close();
  first.leave(false);
  await first.close();
});

test("links are followed nowhere: not to write a part, not to serve a file", () => {
  const { location, store } = newStore();
  writeFileSync(`${location}/victim`, "precious");
  symlinkSync(`${location}/victim`, `${location}/partial/${name}`);
  expect(store.openPart(name, resumeAll).named).toBe(false);
  mkdirSync(`${location}/distfiles/${standardFolder(name)}`);
  symlinkSync(`${location}/victim`, `${location}/distfiles/${standardFolder(name)}/${name}`);
  expect(store.stat(name)).toBeUndefined();
  expect(readFileSync(`${location}/victim`, "utf8")).toBe("precious");
});

test("the scan finds what lies where it belongs and names the rest", async () => {
  const { location, store } = newStore();
  const part = store.openPart(name, resumeAll);
  await store.commit(part, name, 0);
  part.leave(false);
  await part.close();
  writeFileSync(`${location}/distfiles/stray`, "x");
  writeFileSync(`${location}/distfiles/${standardFolder(name)}/elsewhere`, "x");
  const strays: string[] = [];
  const found: string[] = [];
  for await (const entry of store.scan((path) => strays.push(path.slice(location.length)))) found.push(entry);
  expect(found).toEqual([name]);
  expect(strays.sort()).toEqual([`/distfiles/${standardFolder(name)}/elsewhere`, "/distfiles/stray"].sort());
});

test("the sweep takes old parts that nobody writes", async () => {
  const { location, store } = newStore();
  const open = store.openPart("open" as DistfileName, resumeAll);
  writeFileSync(`${location}/partial/old`, "x");
  await Bun.sleep(20);
  const before = Date.now();
  await Bun.sleep(20);
  writeFileSync(`${location}/partial/new`, "x");
  // As commit() leaves it for the moment before the rename.
  utimesSync(`${location}/partial/new`, 1, 1);
  expect(store.sweepParts(before, true)).toBe(1);
  expect(readdirSync(`${location}/partial`).sort()).toEqual(["new", "old", "open"]);
  expect(store.sweepParts(before)).toBe(1);
  expect(readdirSync(`${location}/partial`).sort()).toEqual(["new", "open"]);
  open.leave(false);
  await open.close();
});

test("a second lock on a store fails, naming who holds the first", () => {
  const { location } = newStore();
  const lock = lockStore(location, "process 1");
  expect(() => lockStore(location, "process 2")).toThrow(StoreLockedError);
  expect(() => lockStore(location, "process 2")).toThrow("process 1");
  lock.release();
  lockStore(location, "process 3").release();
});

test("a removed file is gone from the call on, and one that comes in its place meanwhile stays", async () => {
  const { store } = newStore();
  const put = async () => {
    const part = store.openPart(name, resumeAll);
    await part.write(bytes, 0);
    await store.commit(part, name, 0);
    part.leave(false);
    await part.close();
  };
  await put();
  const gone = store.remove(name);
  expect(store.stat(name)).toBeUndefined();
  await put();
  await gone;
  expect(store.stat(name)?.size).toBe(bytes.length);
});

test("an empty folder goes with its last file, and a file comes into a folder that goes meanwhile", async () => {
  const { location, store } = newStore();
  const storeOne = async () => {
    const part = store.openPart(name, resumeAll);
    await part.write(bytes, 0);
    const file = await store.commit(part, name, 1000);
    part.leave(false);
    await part.close();
    return file;
  };
  for (let i = 0; i < 20; i++) {
    const file = await storeOne();
    expect([file?.size, store.stat(name)?.size]).toEqual([bytes.length, bytes.length]);
    const gone = store.remove(name);
    if (i % 2 === 0) await gone;
  }
  await store.remove(name);
  expect(readdirSync(`${location}/distfiles`)).toEqual(["layout.conf"]);
});

test("what was left of unverified files is counted apart, and can be removed by itself", async () => {
  const { store } = newStore();
  for (const [file, verified] of [
    ["a", true],
    ["b", false],
    ["snapshots/c", false],
  ] as const) {
    const part = store.openPart(file as DistfileName, resumeAll, verified);
    await part.write(bytes, 0);
    part.leave(true);
    await part.close();
  }
  expect(store.leftPartBytes()).toEqual({ all: 3 * bytes.length, unverified: 2 * bytes.length });
  expect(store.removeLeftParts("unverified")).toBe(2);
  expect(store.leftPartBytes()).toEqual({ all: bytes.length, unverified: 0 });
});

test("of the parts that nobody writes the oldest go, so that a source that breaks off each time leaves no more than a thousand", async () => {
  const { location, store } = newStore();
  for (let i = 0; i < 1_010; i++) {
    const part = store.openPart(`f${i}` as DistfileName, resumeAll, i % 2 === 0);
    await part.write(bytes, 0);
    part.leave(true);
    await part.close();
  }
  const left = readdirSync(`${location}/partial`);
  expect([left.length, left.includes("f9"), left.includes("f10")]).toEqual([1_000, false, true]);
  expect(store.leftPartBytes()).toEqual({ all: 1_000 * bytes.length, unverified: 500 * bytes.length });
});
