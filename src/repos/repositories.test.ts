import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import type { DistfileName } from "../distfile/name.ts";
import { openIndex } from "../index/open.ts";
import { createRepositoryRows, type RepositoryRows } from "../index/repositories.ts";
import type { Clock } from "../lib/clock.ts";
import { createRepositoryScans, type RepositoryScans } from "./repositories.ts";
import { scanRepository } from "./scan.ts";
import type { Scan } from "./scan-schedule.ts";

const base = mkdtempSync(join(tmpdir(), "portcache-repositories-"));
const HASH = "ab".repeat(64);
let root = base;
let rows: RepositoryRows;
/** How many scans have started: each asks once for the categories. */
let scanCount = 0;
let now = 0;
let records: LogRecord[] = [];
let scans: RepositoryScans | undefined;

const clock: Clock = {
  now: () => now,
  async sleep(ms) {
    now += ms;
  },
};

beforeEach(async () => {
  root = mkdtempSync(join(base, "repository-"));
  scanCount = 0;
  now = 1_000_000;
  records = [];
  const stored = createRepositoryRows(openIndex(":memory:", join(import.meta.dir, "../../drizzle")).db);
  rows = {
    ...stored,
    categories(id) {
      scanCount++;
      return stored.categories(id);
    },
  };
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: "repositories-test", lowestLevel: "debug", sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["memory"] },
    ],
  });
});
afterEach(() => scans?.stop());
afterAll(async () => {
  rmSync(base, { recursive: true });
  await reset();
});

const scan: Scan = (request, signal) => scanRepository({ ...request, rows, signal });

function write(path: string, text: string): void {
  mkdirSync(dirname(`${root}/${path}`), { recursive: true });
  writeFileSync(`${root}/${path}`, text);
}

function manifest(cp: string, ...names: string[]): void {
  write(`${cp}/Manifest`, names.map((name) => `DIST ${name} 10 BLAKE2B ${HASH}\n`).join(""));
}

async function start(locations = [root]): Promise<RepositoryScans> {
  const repositories = locations.map((location, i) => ({ name: `repository${i}`, location }));
  const started = createRepositoryScans({
    repositories,
    configureRows: rows.configure,
    scan,
    clock,
    log: getLogger("repositories-test"),
  });
  scans = started;
  await started.ready;
  return started;
}

const wanted = (name: string) => rows.entriesByName(name as DistfileName).length > 0;
const messages = (level: string) =>
  records.filter((record) => record.level === level).map(({ message }) => message.join(""));

test("ready resolves after the first scan of every repository, and the generation grows with each change", async () => {
  manifest("a/a", "a-1");
  write("second/b/b/Manifest", `DIST b-1 10 BLAKE2B ${HASH}\n`);
  const repositories = [root, `${root}/second`].map((location) => ({ name: "t", location }));
  scans = createRepositoryScans({
    repositories,
    configureRows: rows.configure,
    scan,
    clock,
    log: getLogger("repositories-test"),
  });
  expect([scans.scanned, scans.generation]).toEqual([false, 0]);
  await scans.ready;
  expect([scans.scanned, scans.generation]).toEqual([true, 2]);
  expect([wanted("a-1"), wanted("b-1")]).toEqual([true, true]);
  expect(scans.status()).toMatchObject([
    { name: "t", location: root, packages: 1, distfiles: 1, scannedAt: now, unreadable: 0, skipped: 0 },
    { name: "t", location: `${root}/second`, packages: 1, distfiles: 1 },
  ]);
  expect(messages("info").toSorted()[0]).toMatch(/^repository t: 1 package, 1 distfile; 1 Manifest read, 1 changed,/);
});

test("without repositories ready resolves at once", async () => {
  const none = await start([]);
  await none.refresh({ unknown: true });
  expect([none.scanned, none.generation, none.status()]).toEqual([true, 0, []]);
});

test("a miss rescans when a marker changed", async () => {
  write("metadata/timestamp.chk", "1");
  const started = await start();
  manifest("a/a", "by-hand");
  await started.refresh({ unknown: true });
  expect([scanCount, wanted("by-hand"), started.generation]).toEqual([1, false, 0]);
  write("metadata/timestamp.chk", "22");
  manifest("a/a", "synced");
  await started.refresh();
  expect([scanCount, wanted("synced"), started.generation]).toEqual([2, true, 1]);
  await started.refresh();
  expect(scanCount).toBe(2);
});

test("with unchanged markers a miss on an unknown name rescans for at most a hundredth of the time, others never", async () => {
  write("metadata/timestamp.chk", "1");
  const started = await start();
  manifest("a/a", "by-hand");
  now += 99;
  await started.refresh({ unknown: true });
  expect([scanCount, wanted("by-hand")]).toEqual([1, false]);
  now += 1_000_000;
  await started.refresh();
  expect([scanCount, wanted("by-hand")]).toEqual([1, false]);
  await started.refresh({ unknown: true });
  expect([scanCount, wanted("by-hand")]).toEqual([2, true]);
});

test("without markers a miss rescans for at most a tenth of the time; a miss on an unknown name waits for that", async () => {
  const started = await start();
  manifest("a/a", "a-1");
  now += 9;
  await started.refresh();
  expect([scanCount, wanted("a-1")]).toEqual([1, false]);
  now += 1;
  await started.refresh();
  expect([scanCount, wanted("a-1")]).toEqual([2, true]);
  manifest("a/a", "a-22");
  await Promise.all([started.refresh({ unknown: true }), started.refresh({ unknown: true })]);
  expect([scanCount, wanted("a-22")]).toEqual([3, true]);
});

test("a clock that was set back does not stop rescans", async () => {
  const started = await start();
  manifest("a/a", "a-1");
  now -= 500_000;
  await started.refresh();
  expect(wanted("a-1")).toBe(true);
});

test("concurrent misses share one scan", async () => {
  write("metadata/timestamp.chk", "1");
  const started = await start();
  write("metadata/timestamp.chk", "22");
  await Promise.all(Array.from({ length: 50 }, () => started.refresh()));
  expect(scanCount).toBe(2);
});

test("a change during a scan is found by one further scan, which all later callers share", async () => {
  for (let i = 0; i < 100; i++) manifest(`a/p${i}`, `p${i}`);
  write("metadata/timestamp.chk", "1");
  const started = await start();
  const running = started.rescan();
  expect(scanCount).toBe(1);
  await Bun.sleep(0);
  manifest("a/late", "late");
  write("metadata/timestamp.chk", "22");
  await Promise.all([started.refresh(), started.refresh(), started.rescan(), started.rescan()]);
  expect([scanCount, wanted("late")]).toEqual([3, true]);
  await running;
});

test("a full rescan reads every Manifest again", async () => {
  manifest("a/a", "a-1");
  const started = await start();
  await started.rescan();
  expect(messages("debug").at(-1)).toContain(" 0 Manifests read");
  await started.rescan({ full: true });
  expect(messages("debug").at(-1)).toContain(" 1 Manifest read, 0 changed");
  await Promise.all([started.rescan(), started.rescan(), started.rescan({ full: true })]);
  expect(messages("debug").at(-1)).toContain(" 1 Manifest read, 0 changed");
  expect(started.generation).toBe(1);
});

test("a repository that disappears is kept, and reported once, until it is back", async () => {
  manifest("a/a", "a-1");
  const started = await start();
  renameSync(root, `${root}.away`);
  await started.rescan();
  await started.rescan();
  expect(started.status()).toMatchObject([{ packages: 1, problem: "is missing" }]);
  expect(messages("warning")).toEqual([`Repository repository0 (${root}) is missing. Keeping what is known of it.`]);
  expect([wanted("a-1"), started.generation]).toEqual([true, 1]);
  renameSync(`${root}.away`, root);
  await started.rescan();
  expect(started.status()[0]).not.toHaveProperty("problem");
});

test("a repository that is missing at the start stops neither the others nor ready", async () => {
  manifest("a/a", "a-1");
  const started = await start([`${root}/none`, root]);
  expect(started.status()).toMatchObject([{ problem: "is missing", scannedAt: undefined }, { packages: 1 }]);
  expect(wanted("a-1")).toBe(true);
});

test("a failure of the index is a problem of the repository, which the next scan mends", async () => {
  manifest("a/a", "a-1");
  const { replace } = rows;
  rows = {
    ...rows,
    replace() {
      throw new Error("database or disk is full");
    },
  };
  const started = await start();
  expect(started.status()).toMatchObject([{ problem: "cannot be scanned: database or disk is full" }]);
  rows = Object.assign(rows, { replace });
  await started.rescan();
  expect([wanted("a-1"), started.status()[0]?.problem]).toEqual([true, undefined]);
});

test("invalid lines and unreadable Manifests are logged once", async () => {
  write("a/a/Manifest", "DIST garbage\n");
  write("a/b/Manifest", "x".repeat(33 * 1024 * 1024));
  const started = await start();
  expect(started.status()).toMatchObject([{ skipped: 1, unreadable: 1 }]);
  await started.rescan();
  expect(messages("warning")).toHaveLength(2);
  expect(started.status()).toMatchObject([{ skipped: 0, unreadable: 1 }]);
});

test("an unreadable path is logged by the link that leads to it, once for all versions", async () => {
  for (const version of ["v1", "v2"]) write(`${version}/a/b/Manifest`, "x".repeat(33 * 1024 * 1024));
  symlinkSync("v1", `${root}/link`);
  const started = await start([`${root}/link`]);
  rmSync(`${root}/link`);
  symlinkSync("v2", `${root}/link`);
  await started.rescanOne(`${root}/link`);
  expect(started.status()).toMatchObject([{ location: `${root}/link`, unreadable: 1 }]);
  expect(messages("warning")).toEqual([
    expect.stringContaining(`Cannot read ${root}/link/a/b/Manifest of repository `),
  ]);
});

test("stop() ends the running scans and starts no others", async () => {
  for (let i = 0; i < 500; i++) manifest(`a/p${i}`, `p${i}`);
  scans = createRepositoryScans({
    repositories: [{ name: "t", location: root }],
    configureRows: rows.configure,
    scan,
    clock,
    log: getLogger("repositories-test"),
  });
  void scans.rescan();
  await scans.stop();
  const { packages } = rows.counts();
  const begun = scanCount;
  expect(packages).toBeLessThan(500);
  await Promise.all([scans.ready, scans.refresh(), scans.rescan()]);
  await Bun.sleep(10);
  expect([rows.counts().packages, scanCount, messages("warning")]).toEqual([packages, begun, []]);
});
