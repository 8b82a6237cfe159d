import { afterEach, beforeEach, expect, test } from "bun:test";
import { cpSync, mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { getLogger } from "@logtape/logtape";
import type { DistfileName } from "../distfile/name.ts";
import { openIndex } from "../index/open.ts";
import { createRepositoryRows, type RepositoryRows } from "../index/repositories.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createRepositoryScans, type RepositoryScans } from "./repositories.ts";
import { scanRepository } from "./scan.ts";
import type { Scan } from "./scan-schedule.ts";

const HASH = "ab".repeat(64);
let temp: TempFolder;
let rows: RepositoryRows;
/** Ids of the repositories whose scans began, in order: each asks once for the categories. */
let scans: number[];
let trees: RepositoryScans;

beforeEach(() => {
  temp = createTempFolder();
  scans = [];
  const stored = createRepositoryRows(openIndex(":memory:", join(import.meta.dir, "../../drizzle")).db);
  rows = {
    ...stored,
    categories(id) {
      scans.push(id);
      return stored.categories(id);
    },
  };
});
afterEach(async () => {
  await trees.stop();
  temp.remove();
});

const scan: Scan = (request, signal) => scanRepository({ ...request, rows, signal });

function write(path: string, text: string): void {
  mkdirSync(dirname(temp.file(path)), { recursive: true });
  writeFileSync(temp.file(path), text);
}

function manifest(path: string, ...names: string[]): void {
  write(`${path}/Manifest`, names.map((name) => `DIST ${name} 10 BLAKE2B ${HASH}\n`).join(""));
}

const repository = (name: string) => ({ name, location: temp.file(name) });
const wantedBy = (name: string) => rows.entriesByName(name as DistfileName).map((by) => by.repository);

async function start(...names: string[]): Promise<RepositoryScans> {
  const repositories = names.map(repository);
  trees = createRepositoryScans({ repositories, rows, scan, clock: createFakeClock(), log: getLogger("none") });
  await trees.ready;
  return trees;
}

test("those that stay are not scanned again, new ones are, and the order is that of the configuration", async () => {
  for (const name of ["a", "b", "c"]) manifest(`${name}/cat/p`, "shared", `only-${name}`);
  const { configure } = await start("a", "b");
  expect([wantedBy("shared"), scans.length]).toEqual([["a", "b"], 2]);
  const { generation, ready } = trees;
  await configure(["c", "b", "a"].map(repository));
  expect([trees.scanned, trees.ready === ready]).toEqual([false, false]);
  await trees.ready;
  expect([wantedBy("shared"), scans.length, trees.scanned]).toEqual([["c", "b", "a"], 3, true]);
  expect(trees.status().map(({ name, packages }) => [name, packages])).toEqual([
    ["c", 1],
    ["b", 1],
    ["a", 1],
  ]);
  expect(trees.generation).toBeGreaterThan(generation);
});

test("those that go are forgotten, and scanned no more, even in the middle of a scan", async () => {
  for (let i = 0; i < 500; i++) manifest(`a/cat-${i % 9}/p${i}`, `a-${i}`);
  manifest("b/cat/p", "b-1");
  const { configure } = await start("b");
  await configure(["a", "b"].map(repository));
  const { ready } = trees;
  await Bun.sleep(1);
  await configure([repository("b")]);
  await Promise.all([ready, trees.ready]);
  expect([rows.counts(), trees.status().length, trees.scanned]).toEqual([{ packages: 1, distfiles: 1 }, 1, true]);
  const begun = scans.length;
  await trees.rescan();
  expect([scans.length, wantedBy("b-1")]).toEqual([begun + 1, ["b"]]);
});

test("queries wait for the first scan of a new one as they do at start", async () => {
  await start();
  for (let i = 0; i < 200; i++) manifest(`a/cat/p${i}`, `a-${i}`);
  write("a/metadata/timestamp.chk", "1");
  await trees.configure([repository("a")]);
  expect(trees.scanned).toBe(false);
  await trees.refresh();
  expect([wantedBy("a-0"), wantedBy("a-199"), scans.length]).toEqual([["a"], ["a"], 1]);
});

test("one that is called otherwise now is known by its new name, with what was known of it", async () => {
  manifest("a/cat/p", "a-1");
  await start("a");
  await trees.configure([{ name: "renamed", location: temp.file("a") }]);
  expect(wantedBy("a-1")).toEqual(["renamed"]);
  await trees.ready;
  expect(trees.status()).toMatchObject([{ name: "renamed", packages: 1 }]);
});

test("many at the same time, with rescans, misses and an end between them, come to the last configuration", async () => {
  for (const name of ["a", "b", "c"]) for (let i = 0; i < 40; i++) manifest(`${name}/cat/p${i}`, `${name}-${i}`);
  await start("a");
  const sets = [["a", "b"], ["c"], [], ["b", "c"], ["c", "a", "b"], ["a", "c"]];
  const work = sets.flatMap((names) => [
    trees.configure(names.map(repository)),
    trees.rescan({ full: true }),
    trees.refresh({ unknown: true }),
    trees.synced(temp.file("a")),
  ]);
  await Promise.all(work);
  await trees.ready;
  expect([rows.counts().packages, trees.status().map(({ name }) => name)]).toEqual([80, ["a", "c"]]);
  const last = trees.configure(["b"].map(repository));
  await Promise.all([trees.stop(), last]);
  const begun = scans.length;
  await Promise.all([
    trees.configure([repository("a")]),
    trees.rescan(),
    trees.refresh(),
    trees.synced(temp.file("a")),
  ]);
  expect(scans.length).toBe(begun);
});

test("an index that does not take it is a failure, after which the same can be tried again", async () => {
  manifest("a/cat/p", "a-1");
  manifest("b/cat/p", "b-1");
  await start("a");
  const { configure } = rows;
  rows.configure = () => {
    throw new Error("database or disk is full");
  };
  const failure = await trees.configure([repository("b")]).catch((error: Error) => error.message);
  expect(failure).toBe("database or disk is full");
  rows.configure = configure;
  await trees.configure(["b", "a"].map(repository));
  await trees.ready;
  expect([wantedBy("a-1"), wantedBy("b-1")]).toEqual([["a"], ["b"]]);
});

/** Makes the tree's link lead to the version. */
function switchTo(version: string): void {
  symlinkSync(version, temp.file("link"));
  renameSync(temp.file("link"), temp.file("tree"));
}

test("synced() reads the one tree again, by whichever version its link leads to", async () => {
  manifest("v1/cat/p", "old");
  manifest("v2/cat/p", "newer");
  manifest("other/cat/p", "other");
  switchTo("v1");
  await start("tree", "other");
  switchTo("v2");
  await trees.synced(temp.file("tree"));
  await trees.synced(temp.file("unknown"));
  expect([wantedBy("old"), wantedBy("newer"), scans.length]).toEqual([[], ["tree"], 3]);
});

test("a miss notices a link that leads elsewhere though the markers there look the same", async () => {
  manifest("v1/cat/p", "old");
  write("v1/metadata/timestamp.chk", "1");
  cpSync(temp.file("v1"), temp.file("v2"), { recursive: true });
  for (const version of ["v1", "v2"]) utimesSync(temp.file(`${version}/metadata/timestamp.chk`), 1, 1);
  manifest("v2/cat/p", "newer");
  switchTo("v1");
  await start("tree");
  switchTo("v2");
  await trees.refresh();
  expect([wantedBy("old"), wantedBy("newer")]).toEqual([[], ["tree"]]);
});

test("a scan in whose middle the link is switched reads one version throughout, and another scan the next", async () => {
  const files = Array.from({ length: 300 }, (_, i) => `cat-${i % 20}/p${i}`);
  for (const version of ["v1", "v2"]) for (const path of files) manifest(`${version}/${path}`, version);
  switchTo("v1");
  await start();
  const replace = rows.replace;
  const seen = new Set<string>();
  let mixed = 0;
  rows.replace = (id, packages) => {
    for (const { entries } of packages) for (const { name } of entries) seen.add(name);
    if (!trees.scanned && seen.size > 1) mixed++;
    return replace(id, packages);
  };
  await trees.configure([repository("tree")]);
  await Bun.sleep(1);
  switchTo("v2");
  const next = trees.synced(temp.file("tree"));
  await trees.ready;
  expect([mixed, wantedBy("v1").length]).toEqual([0, 300]);
  await next;
  expect([wantedBy("v1").length, wantedBy("v2").length]).toEqual([0, 300]);
});
