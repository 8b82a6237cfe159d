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
/** Ids of scanned repositories, in order: each asks once for the categories. */
let scanned: number[];
let scans: RepositoryScans;

beforeEach(() => {
  temp = createTempFolder();
  scanned = [];
  const stored = createRepositoryRows(openIndex(":memory:", join(import.meta.dir, "../../drizzle")).db);
  rows = {
    ...stored,
    categories(id) {
      scanned.push(id);
      return stored.categories(id);
    },
  };
});
afterEach(async () => {
  await scans.stop();
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
  scans = createRepositoryScans({
    repositories,
    configureRows: (wanted) => rows.configure(wanted),
    scan,
    clock: createFakeClock(),
    log: getLogger("none"),
  });
  await scans.ready;
  return scans;
}

test("configure() scans new repositories alone, and puts all in the configured order", async () => {
  for (const name of ["a", "b", "c"]) manifest(`${name}/cat/p`, "shared", `only-${name}`);
  const { configure } = await start("a", "b");
  expect([wantedBy("shared"), scanned.length]).toEqual([["a", "b"], 2]);
  const { generation, ready } = scans;
  await configure(["c", "b", "a"].map(repository));
  expect([scans.scanned, scans.ready === ready]).toEqual([false, false]);
  await scans.ready;
  expect([wantedBy("shared"), scanned.length, scans.scanned]).toEqual([["c", "b", "a"], 3, true]);
  expect(scans.status().map(({ name, packages }) => [name, packages])).toEqual([
    ["c", 1],
    ["b", 1],
    ["a", 1],
  ]);
  expect(scans.generation).toBeGreaterThan(generation);
});

test("a removed repository is forgotten, and no longer scanned, even in the middle of a scan", async () => {
  for (let i = 0; i < 500; i++) manifest(`a/cat-${i % 9}/p${i}`, `a-${i}`);
  manifest("b/cat/p", "b-1");
  const { configure } = await start("b");
  await configure(["a", "b"].map(repository));
  const { ready } = scans;
  await Bun.sleep(1);
  await configure([repository("b")]);
  await Promise.all([ready, scans.ready]);
  expect([rows.counts(), scans.status().length, scans.scanned]).toEqual([{ packages: 1, distfiles: 1 }, 1, true]);
  const begun = scanned.length;
  await scans.rescan();
  expect([scanned.length, wantedBy("b-1")]).toEqual([begun + 1, ["b"]]);
});

test("a miss waits for the first scan of a new repository", async () => {
  await start();
  for (let i = 0; i < 200; i++) manifest(`a/cat/p${i}`, `a-${i}`);
  write("a/metadata/timestamp.chk", "1");
  await scans.configure([repository("a")]);
  expect(scans.scanned).toBe(false);
  await scans.refresh();
  expect([wantedBy("a-0"), wantedBy("a-199"), scanned.length]).toEqual([["a"], ["a"], 1]);
});

test("a renamed repository keeps what was known of it", async () => {
  manifest("a/cat/p", "a-1");
  await start("a");
  await scans.configure([{ name: "renamed", location: temp.file("a") }]);
  expect(wantedBy("a-1")).toEqual(["renamed"]);
  await scans.ready;
  expect(scans.status()).toMatchObject([{ name: "renamed", packages: 1 }]);
});

test("concurrent configurations, rescans and misses end with the last configuration; after stop() nothing is scanned", async () => {
  for (const name of ["a", "b", "c"]) for (let i = 0; i < 40; i++) manifest(`${name}/cat/p${i}`, `${name}-${i}`);
  await start("a");
  const sets = [["a", "b"], ["c"], [], ["b", "c"], ["c", "a", "b"], ["a", "c"]];
  const work = sets.flatMap((names) => [
    scans.configure(names.map(repository)),
    scans.rescan({ full: true }),
    scans.refresh({ unknown: true }),
    scans.rescanOne(temp.file("a")),
  ]);
  await Promise.all(work);
  await scans.ready;
  expect([rows.counts().packages, scans.status().map(({ name }) => name)]).toEqual([80, ["a", "c"]]);
  const last = scans.configure(["b"].map(repository));
  await Promise.all([scans.stop(), last]);
  const begun = scanned.length;
  await Promise.all([
    scans.configure([repository("a")]),
    scans.rescan(),
    scans.refresh(),
    scans.rescanOne(temp.file("a")),
  ]);
  expect(scanned.length).toBe(begun);
});

test("configure() fails where the index does, and can be repeated", async () => {
  manifest("a/cat/p", "a-1");
  manifest("b/cat/p", "b-1");
  await start("a");
  const { configure } = rows;
  rows.configure = () => {
    throw new Error("database or disk is full");
  };
  const failure = await scans.configure([repository("b")]).catch((error: Error) => error.message);
  expect(failure).toBe("database or disk is full");
  rows.configure = configure;
  await scans.configure(["b", "a"].map(repository));
  await scans.ready;
  expect([wantedBy("a-1"), wantedBy("b-1")]).toEqual([["a"], ["b"]]);
});

/** Switches the repository's link to the version. */
function switchTo(version: string): void {
  symlinkSync(version, temp.file("link"));
  renameSync(temp.file("link"), temp.file("repository"));
}

test("synced() rescans one repository, in the version that its link leads to now", async () => {
  manifest("v1/cat/p", "old");
  manifest("v2/cat/p", "newer");
  manifest("other/cat/p", "other");
  switchTo("v1");
  await start("repository", "other");
  switchTo("v2");
  await scans.rescanOne(temp.file("repository"));
  await scans.rescanOne(temp.file("unknown"));
  expect([wantedBy("old"), wantedBy("newer"), scanned.length]).toEqual([[], ["repository"], 3]);
});

test("a miss notices a switched link even where the markers look the same", async () => {
  manifest("v1/cat/p", "old");
  write("v1/metadata/timestamp.chk", "1");
  cpSync(temp.file("v1"), temp.file("v2"), { recursive: true });
  for (const version of ["v1", "v2"]) utimesSync(temp.file(`${version}/metadata/timestamp.chk`), 1, 1);
  manifest("v2/cat/p", "newer");
  switchTo("v1");
  await start("repository");
  switchTo("v2");
  await scans.refresh();
  expect([wantedBy("old"), wantedBy("newer")]).toEqual([[], ["repository"]]);
});

test("a link switched during a scan does not mix versions: the next scan reads the new one", async () => {
  const files = Array.from({ length: 300 }, (_, i) => `cat-${i % 20}/p${i}`);
  for (const version of ["v1", "v2"]) for (const path of files) manifest(`${version}/${path}`, version);
  switchTo("v1");
  await start();
  const replace = rows.replace;
  const seen = new Set<string>();
  let mixed = 0;
  rows.replace = (id, packages) => {
    for (const { entries } of packages) for (const { name } of entries) seen.add(name);
    if (!scans.scanned && seen.size > 1) mixed++;
    return replace(id, packages);
  };
  await scans.configure([repository("repository")]);
  await Bun.sleep(1);
  switchTo("v2");
  const next = scans.rescanOne(temp.file("repository"));
  await scans.ready;
  expect([mixed, wantedBy("v1").length]).toEqual([0, 300]);
  await next;
  expect([wantedBy("v1").length, wantedBy("v2").length]).toEqual([0, 300]);
});
