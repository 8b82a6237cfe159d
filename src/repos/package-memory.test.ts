import { afterEach, beforeEach, expect, test } from "bun:test";
import { utimesSync, writeFileSync } from "node:fs";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createPackageMemory, createPathStates } from "./package-memory.ts";

const CONFIGURATION = {};

let folder: TempFolder;

beforeEach(() => {
  folder = createTempFolder();
});

afterEach(() => folder.remove());

test("what was read is remembered until a path changes, appears or goes, or the repositories are other ones", async () => {
  const memory = createPackageMemory<string>();
  const [path, absent] = [folder.file("ebuild"), folder.file("entry")];
  const remember = () => {
    const states = createPathStates();
    for (const one of [path, absent]) states.look(one);
    memory.put("package", CONFIGURATION, "read", states, 10);
    return memory.get("package", CONFIGURATION);
  };
  writeFileSync(path, "1");
  expect(await remember()).toBe("read");
  utimesSync(path, 1, 1);
  expect(await memory.get("package", CONFIGURATION)).toBeUndefined();
  expect(await remember()).toBe("read");
  writeFileSync(absent, "");
  expect(await memory.get("package", CONFIGURATION)).toBeUndefined();
  expect(await remember()).toBe("read");
  expect(await memory.get("package", {})).toBeUndefined();
});

test("a path that changes while it is read is noticed: its state is that from before", async () => {
  const memory = createPackageMemory<string>();
  const states = createPathStates();
  states.look(folder.file("ebuild"));
  writeFileSync(folder.file("ebuild"), "late");
  states.look(folder.file("ebuild"));
  memory.put("package", CONFIGURATION, "read before", states, 10);
  expect(await memory.get("package", CONFIGURATION)).toBeUndefined();
});

test("past the bound the packages used least recently are forgotten", async () => {
  const memory = createPackageMemory<string>(1000);
  const names = ["a", "b", "c"];
  for (const name of names) {
    memory.put(name, CONFIGURATION, name, createPathStates(), 400);
    await memory.get("a", CONFIGURATION);
  }
  expect(await Promise.all(names.map((name) => memory.get(name, CONFIGURATION)))).toEqual(["a", undefined, "c"]);
});

test("thousands of paths are looked at a few in a turn of the event loop", async () => {
  const memory = createPackageMemory<string>();
  const states = createPathStates();
  for (let i = 0; i < 2_000; i++) states.look(folder.file(`${i}.ebuild`));
  memory.put("package", CONFIGURATION, "read", states, 10);
  let [turns, going] = [0, true];
  const count = () => {
    turns++;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  expect(await memory.get("package", CONFIGURATION)).toBe("read");
  going = false;
  expect(turns).toBeGreaterThan(20);
});
