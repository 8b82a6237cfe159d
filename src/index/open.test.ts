import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createHasher } from "../distfile/hasher.ts";
import type { DistfileName } from "../distfile/name.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createFileRows } from "./files.ts";
import { createMirrorLayoutRows } from "./mirrors.ts";
import { openIndex } from "./open.ts";
import { createRepositoryRows } from "./repositories.ts";
import { storeId } from "./store-id.ts";

const MIGRATIONS = `${import.meta.dir}/../../drizzle`;
const name = "foo-1.tar.gz" as DistfileName;
const row = {
  name,
  size: 3,
  blake2b: "ab".repeat(64),
  sha512: null,
  stamp: "3:1:1",
  source: "http://mirror.test/",
  storedAt: 5,
  usedAt: 5,
  uses: 0,
};

let folder: TempFolder;
let path: string;

beforeEach(() => {
  folder = createTempFolder();
  path = folder.file("index.sqlite");
});
afterEach(() => folder.remove());

test("an index that was closed and opened again has what was written, and the store's id", () => {
  const first = openIndex(path, MIGRATIONS);
  createFileRows(first.db).put(row);
  createMirrorLayoutRows(first.db).put("http://mirror.test", { layoutConf: "x", fetchedAt: 7 });
  const id = storeId(first.db);
  first.close();
  const second = openIndex(path, MIGRATIONS);
  expect(second.damages).toEqual([]);
  expect(createFileRows(second.db).get(name)).toMatchObject(row);
  expect(createMirrorLayoutRows(second.db).get("http://mirror.test")).toMatchObject({ layoutConf: "x", fetchedAt: 7 });
  expect(storeId(second.db)).toBe(id);
  expect(id).toMatch(/^portcache-[0-9a-f]{16}$/);
  second.close();
});

test("uses are counted in batches and never turn time back", () => {
  const index = openIndex(path, MIGRATIONS);
  const rows = createFileRows(index.db);
  rows.put(row);
  rows.touch(name, 9);
  rows.touch(name, 8);
  expect(rows.get(name)?.uses).toBe(0);
  rows.flush();
  rows.touch(name, 3);
  rows.flush();
  rows.flush();
  expect(rows.get(name)).toMatchObject({ uses: 3, usedAt: 8 });
  rows.forget(name);
  expect(rows.get(name)).toBeUndefined();
  expect(rows.page("", 1000).map(({ name }) => name)).toEqual([]);
  index.close();
});

test("uses of many files are written a few hundred at a time, and none of them is lost", () => {
  const index = openIndex(path, MIGRATIONS);
  const rows = createFileRows(index.db);
  const names = Array.from({ length: 1_000 }, (_, i) => `f-${i}.zip` as DistfileName);
  rows.putStored(names.map((name) => ({ ...row, name })));
  for (const name of names) rows.touch(name, 9);
  const counted = () => names.filter((name) => rows.get(name)?.uses === 1).length;
  expect(counted()).toBeGreaterThan(700);
  expect(counted()).toBeLessThan(1_000);
  rows.flush();
  expect(counted()).toBe(1_000);
  index.close();
});

test("a damaged index is set aside and a new one made, whatever is wrong with it", () => {
  const damages: [string, () => void][] = [
    ["garbage", () => writeFileSync(path, "garbage ".repeat(2000))],
    ["cut", () => truncateSync(path, 9000)],
    [
      "a page overwritten",
      () => {
        const bytes = readFileSync(path);
        bytes.fill(0xff, 4096, 12_288);
        writeFileSync(path, bytes);
      },
    ],
  ];
  for (const [label, damage] of damages) {
    const before = openIndex(path, MIGRATIONS);
    createFileRows(before.db).put(row);
    before.close();
    damage();
    const after = openIndex(path, MIGRATIONS);
    expect([label, after.damages]).toEqual([label, [{ file: "index.sqlite", damage: expect.any(String) }]]);
    expect(
      createFileRows(after.db)
        .page("", 10)
        .map(({ name }) => name),
    ).toEqual([]);
    expect(existsSync(`${path}.damaged`)).toBe(true);
    createFileRows(after.db).put(row);
    after.close();
  }
});

test("Manifests have a database of their own, and a damaged one takes nothing else along", () => {
  const trees = folder.file("trees.sqlite");
  for (const damage of [() => writeFileSync(trees, "garbage ".repeat(2000)), () => rmSync(trees)]) {
    const before = openIndex(path, MIGRATIONS);
    createFileRows(before.db).put(row);
    const repositories = createRepositoryRows(before.db);
    const [id = 0] = repositories.configure([{ name: "t", location: "/t" }]);
    repositories.replace(id, [{ category: "c", package: "p", stamp: "s", entries: [{ name, size: 3 }] }]);
    before.close();
    damage();
    const after = openIndex(path, MIGRATIONS);
    expect(
      createFileRows(after.db)
        .page("", 10)
        .map(({ name }) => name),
    ).toEqual([name]);
    expect(createRepositoryRows(after.db).counts()).toEqual({ packages: 0, distfiles: 0 });
    expect(createRepositoryRows(after.db).ids()).toEqual([id]);
    after.close();
  }
});

test("nobody but the owner may read the databases and what SQLite puts beside them, also those that were readable", () => {
  const modes = () =>
    readdirSync(folder.path).map((file) => [file, (statSync(folder.file(file)).mode & 0o777).toString(8)]);
  const umask = process.umask(0);
  const first = openIndex(path, MIGRATIONS);
  createFileRows(first.db).put(row);
  const files = [
    "index.sqlite",
    "index.sqlite-shm",
    "index.sqlite-wal",
    "trees.sqlite",
    "trees.sqlite-shm",
    "trees.sqlite-wal",
  ];
  expect(modes().toSorted()).toEqual(files.map((file) => [file, "600"]));
  first.close();
  for (const file of ["index.sqlite", "trees.sqlite"]) chmodSync(folder.file(file), 0o644);
  writeFileSync(folder.file("index.sqlite.damaged"), "");
  const second = openIndex(path, MIGRATIONS);
  createFileRows(second.db).put(row);
  expect(modes().map(([, mode]) => mode)).toEqual(Array(files.length + 1).fill("600"));
  second.close();
  process.umask(umask);
});

test("with the index lost, scanned Manifests belong to none of the repositories configured anew", () => {
  const before = openIndex(path, MIGRATIONS);
  const [id = 0] = createRepositoryRows(before.db).configure([{ name: "t", location: "/t" }]);
  createRepositoryRows(before.db).replace(id, [
    { category: "c", package: "p", stamp: "s", entries: [{ name, size: 3 }] },
  ]);
  before.close();
  rmSync(path);
  const after = openIndex(path, MIGRATIONS);
  const rows = createRepositoryRows(after.db);
  expect(rows.configure([{ name: "other", location: "/other" }])).toEqual([id + 1]);
  expect([rows.entriesByName(name), rows.counts()]).toEqual([[], { packages: 0, distfiles: 0 }]);
  expect([rows.prune(rows.ids()), rows.prune(rows.ids())]).toEqual([true, false]);
  after.close();
});

test("a large index is opened without reading all of it; what is damaged in it is found by the check, which sets it aside", async () => {
  const first = openIndex(path, MIGRATIONS);
  const rows = createFileRows(first.db);
  const source = `http://mirror.test/${"x".repeat(2_000)}`;
  rows.putStored(Array.from({ length: 12_000 }, (_, i) => ({ ...row, name: `f-${i}.zip` as DistfileName, source })));
  first.close();
  const bytes = readFileSync(path);
  bytes.fill(0xaa, bytes.length / 2, bytes.length / 2 + 4096);
  writeFileSync(path, bytes);
  const opened = openIndex(path, MIGRATIONS);
  expect([opened.unchecked, opened.damages]).toEqual([true, []]);
  opened.close();
  const hasher = createHasher(new URL("../distfile/hash.worker.ts", import.meta.url).href);
  expect(await hasher.isWhole(path)).toBe(false);
  const checked = openIndex(path, MIGRATIONS, true);
  expect([checked.unchecked, checked.damages.map(({ file }) => file)]).toEqual([false, ["index.sqlite"]]);
  checked.close();
  expect(await hasher.isWhole(path)).toBe(true);
  hasher.close();
});
