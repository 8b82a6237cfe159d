import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { exists } from "./exists.ts";

let folder: TempFolder;

beforeEach(() => {
  folder = createTempFolder();
  mkdirSync(folder.file("folder"));
  writeFileSync(folder.file("file"), "");
});
afterEach(() => folder.remove());

test("files, folders and links to them are there", () => {
  symlinkSync("file", folder.file("to-file"));
  symlinkSync("folder", folder.file("to-folder"));
  for (const name of ["file", "folder", "to-file", "to-folder"])
    expect([name, exists(folder.file(name))]).toEqual([name, true]);
});

test("a path is absent where one of its names is missing", () => {
  symlinkSync("folder", folder.file("to-folder"));
  for (const name of ["none", "none/below", "folder/none", "to-folder/none"])
    expect([name, exists(folder.file(name))]).toEqual([name, false]);
});

test("a link that leads nowhere, and what is no folder, is not taken for an absent path", () => {
  symlinkSync("nowhere", folder.file("dangling"));
  symlinkSync("round", folder.file("round"));
  expect(() => exists(folder.file("dangling"))).toThrow("dangling is a link to nowhere, which is not there");
  expect(() => exists(folder.file("dangling/below"))).toThrow("dangling is a link to nowhere, which is not there");
  expect(() => exists(folder.file("round"))).toThrow("ELOOP");
  expect(() => exists(folder.file("file/below"))).toThrow("ENOTDIR");
});
