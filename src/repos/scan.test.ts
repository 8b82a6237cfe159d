import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { DistfileName } from "../distfile/name.ts";
import { openIndex } from "../index/open.ts";
import { createRepositoryRows, type RepositoryRows } from "../index/repositories.ts";
import { scanRepository } from "./scan.ts";

const base = mkdtempSync(join(tmpdir(), "portcache-scan-"));
const HASH = "ab".repeat(64);
let root = base;
let rows: RepositoryRows;
let repositoryId = 0;

beforeEach(() => {
  root = mkdtempSync(join(base, "repository-"));
  rows = createRepositoryRows(openIndex(":memory:", join(import.meta.dir, "../../drizzle")).db);
  repositoryId = rows.configure([{ name: "test", location: root }])[0] ?? 0;
});
afterAll(() => rmSync(base, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(`${root}/${path}`), { recursive: true });
  writeFileSync(`${root}/${path}`, text);
}

function manifest(cp: string, ...names: string[]): void {
  write(`${cp}/Manifest`, names.map((name) => `DIST ${name} 10 BLAKE2B ${HASH}\n`).join(""));
}

function scan(full = false) {
  return scanRepository({ repositoryId, location: root, rows, full, signal: new AbortController().signal });
}

const wants = (name: string) =>
  rows.entriesByName(name as DistfileName).map((by) => `${by.category}/${by.package} ${by.entry.size}`);

test("the first scan finds the files of every package, and nothing outside of packages", async () => {
  manifest("app-misc/a", "a-1", "shared");
  manifest("dev-libs/b+b", "b-1", "shared");
  manifest("dev-libs/empty");
  for (const folder of ["metadata", "profiles", "eclass", "licenses", "scripts", "files", ".git", "distfiles"]) {
    manifest(`${folder}/x`, "stray");
  }
  write("app-misc/metadata.xml", "");
  write("app-misc/no-manifest/a-1.ebuild", "");
  write("header.txt", "");
  manifest("app-misc", "stray");
  manifest("app-misc/a/files", "stray");
  mkdirSync(`${root}/app-misc/odd/Manifest`, { recursive: true });
  expect(await scan()).toEqual({
    packages: 3,
    distfiles: 4,
    read: 3,
    changed: 2,
    removed: 0,
    skipped: 0,
    unreadable: [],
  });
  expect(wants("shared")).toEqual(["app-misc/a 10", "dev-libs/b+b 10"]);
  expect(wants("stray")).toEqual([]);
});

test("a second scan reads only Manifests whose size or time changed, even backwards", async () => {
  for (const name of ["same", "size", "time", "touched"]) manifest(`app-misc/${name}`, `${name}-1`);
  await scan();
  expect(await scan()).toMatchObject({ packages: 4, distfiles: 4, read: 0, changed: 0, removed: 0 });
  manifest("app-misc/size", "size-1", "size-2");
  manifest("app-misc/time", "time-2");
  utimesSync(`${root}/app-misc/time/Manifest`, 1, 1);
  utimesSync(`${root}/app-misc/touched/Manifest`, 2, 2);
  expect(await scan()).toMatchObject({ packages: 4, distfiles: 5, read: 3, changed: 2, removed: 0 });
  expect(await scan()).toMatchObject({ packages: 4, distfiles: 5, read: 0 });
  expect([wants("time-1"), wants("time-2"), wants("size-1"), wants("size-2"), wants("touched-1")]).toEqual([
    [],
    ["app-misc/time 10"],
    ["app-misc/size 10"],
    ["app-misc/size 10"],
    ["app-misc/touched 10"],
  ]);
});

test("a full scan reads all Manifests, and changes nothing where nothing changed", async () => {
  manifest("app-misc/a", "a-1");
  await scan();
  expect(await scan(true)).toMatchObject({ packages: 1, read: 1, changed: 0 });
});

test("packages, Manifests and categories that vanish are forgotten", async () => {
  for (const cp of ["app-misc/stays", "app-misc/package", "app-misc/manifest", "dev-gone/a", "dev-gone/b"]) {
    manifest(cp, cp.replace("/", "."));
  }
  await scan();
  for (const path of ["app-misc/package", "app-misc/manifest/Manifest", "dev-gone"]) {
    rmSync(`${root}/${path}`, { recursive: true });
  }
  expect(await scan()).toMatchObject({ packages: 1, distfiles: 1, read: 0, removed: 4 });
  expect(rows.counts()).toEqual({ packages: 1, distfiles: 1 });
  expect(wants("app-misc.stays")).toHaveLength(1);
});

test("the last package may go: only an empty folder counts as a missing repository", async () => {
  manifest("app-misc/a", "a-1");
  write("profiles/repo_name", "test\n");
  await scan();
  rmSync(`${root}/app-misc`, { recursive: true });
  expect(await scan()).toMatchObject({ packages: 0, removed: 1 });
  expect(wants("a-1")).toEqual([]);
});

test("a repository that is missing or empty is kept, and the report says so", async () => {
  manifest("app-misc/a", "a-1", "a-2");
  await scan();
  renameSync(root, `${root}.away`);
  expect(await scan()).toMatchObject({ packages: 1, distfiles: 2, removed: 0, problem: "is missing" });
  mkdirSync(`${root}/.git`, { recursive: true });
  expect(await scan()).toMatchObject({
    packages: 1,
    distfiles: 2,
    removed: 0,
    problem: "is empty, but had packages",
  });
  expect(wants("a-1")).toEqual(["app-misc/a 10"]);
  rmSync(root, { recursive: true });
  renameSync(`${root}.away`, root);
  const report = await scan();
  expect(report).toMatchObject({ packages: 1, read: 0 });
  expect(report.problem).toBeUndefined();
});

test("a folder that was always empty is not a problem", async () => {
  expect((await scan()).problem).toBeUndefined();
});

test("an unreadable Manifest is kept as it was, and reported with the reason", async () => {
  manifest("app-misc/a", "a-1");
  manifest("app-misc/b", "b-1");
  await scan();
  truncateSync(`${root}/app-misc/a/Manifest`, 33 * 1024 * 1024);
  manifest("app-misc/b", "b-22");
  const report = await scan();
  expect(report).toMatchObject({ packages: 2, distfiles: 2, read: 1, removed: 0 });
  expect(report.unreadable).toEqual([
    { path: `${root}/app-misc/a/Manifest`, reason: "too large: 33.0 MiB, expected at most 8.00 MiB" },
  ]);
  expect([wants("a-1"), wants("b-22")]).toEqual([["app-misc/a 10"], ["app-misc/b 10"]]);
});

test("an unreadable category is kept as it was, and reported", async () => {
  // Too long a name is an error that root meets too, unlike one of permissions.
  const category = "c".repeat(300);
  const entries = [{ name: "c-1" as DistfileName, size: 10 }];
  rows.replace(repositoryId, [{ category, package: "a", stamp: "s", entries }]);
  manifest("app-misc/a", "a-1");
  const report = await scan();
  expect(report).toMatchObject({ packages: 2, distfiles: 2, removed: 0 });
  expect(report.unreadable.map(({ path }) => path)).toEqual([`${root}/${category}`]);
  expect(wants("c-1")).toHaveLength(1);
});

test("invalid lines are counted, and the first is reported", async () => {
  write("app-misc/a/Manifest", `DIST ok 10 BLAKE2B ${HASH}\nDIST a/b 10 BLAKE2B ${HASH}\nDIST garbage\n`);
  const report = await scan();
  expect(report).toMatchObject({ packages: 1, distfiles: 1, skipped: 2 });
  expect(report.firstSkipped).toStartWith(`${root}/app-misc/a/Manifest:2: DIST a/b 10`);
  expect((await scan()).skipped).toBe(0);
});

test("links are followed, and those that lead nowhere count as missing where nothing is known of them", async () => {
  manifest("app-misc/a", "a-1");
  mkdirSync(`${root}/dev-libs`);
  symlinkSync("../app-misc/a", `${root}/dev-libs/linked`);
  symlinkSync("app-misc", `${root}/app-linked`);
  symlinkSync(".", `${root}/loop`);
  symlinkSync("self", `${root}/self`);
  symlinkSync("self", `${root}/dev-libs/self`);
  symlinkSync("nowhere", `${root}/dangling`);
  const report = await scan();
  expect(report.unreadable).toEqual([]);
  expect(wants("a-1")).toEqual(["app-linked/a 10", "app-misc/a 10", "dev-libs/linked 10"]);
});

test("what is known of a category, a package and a Manifest stays while a link leads nowhere in place of it", async () => {
  for (const name of ["app-misc/a", "dev-libs/b", "sys-apps/c"]) manifest(name, `${name.slice(-1)}-1`);
  await scan();
  for (const path of ["app-misc", "dev-libs/b", "sys-apps/c/Manifest"]) {
    renameSync(`${root}/${path}`, `${base}/${path.replaceAll("/", "-")}`);
    symlinkSync(path === "dev-libs/b" ? "b" : "/mnt/not-mounted", `${root}/${path}`);
  }
  const report = await scan();
  expect(report).toMatchObject({ packages: 3, distfiles: 3, removed: 0 });
  expect(report.unreadable).toMatchObject([
    { path: `${root}/app-misc`, reason: "a link to something that is not there" },
    { path: `${root}/dev-libs/b/Manifest`, reason: "too many levels of symbolic links" },
    { path: `${root}/sys-apps/c/Manifest`, reason: "a link to something that is not there" },
  ]);
  expect(wants("a-1")).toHaveLength(1);
});

test("nothing is read by a link out of the repository, and each is named", async () => {
  const outside = mkdtempSync(join(base, "outside-"));
  mkdirSync(`${outside}/b`);
  writeFileSync(`${outside}/b/Manifest`, `DIST secret 10 BLAKE2B ${HASH}\n`);
  manifest("app-misc/a", "a-1");
  mkdirSync(`${root}/app-misc/file`);
  symlinkSync(`${outside}/b/Manifest`, `${root}/app-misc/file/Manifest`);
  symlinkSync(`${outside}/b`, `${root}/app-misc/package`);
  symlinkSync(outside, `${root}/category`);
  const report = await scan();
  const reason = "a link out of the repository";
  expect(report).toMatchObject({ packages: 1, distfiles: 1 });
  expect(report.unreadable).toEqual([
    { path: `${root}/app-misc/file/Manifest`, reason },
    { path: `${root}/app-misc/package/Manifest`, reason },
    { path: `${root}/category`, reason },
  ]);
  expect(wants("secret")).toEqual([]);
});

test("a large repository is written completely, in several transactions", async () => {
  const many = Array.from({ length: 450 }, (_, i) => `many-${i}`);
  manifest("app-misc/many", ...many);
  for (let i = 0; i < 150; i++) manifest(`dev-libs/p${i}`, `p${i}-1`, `p${i}-2`);
  let transactions = 0;
  const replace: RepositoryRows["replace"] = (id, packages) => {
    transactions++;
    return rows.replace(id, packages);
  };
  const signal = new AbortController().signal;
  const report = await scanRepository({
    repositoryId,
    location: root,
    rows: { ...rows, replace },
    full: false,
    signal,
  });
  expect(report).toMatchObject({ packages: 151, distfiles: 750, changed: 151 });
  expect(rows.counts()).toEqual({ packages: 151, distfiles: 750 });
  expect(transactions).toBeGreaterThan(2);
  expect(transactions).toBeLessThan(10);
});

test("a signal ends a scan with the signal's reason", async () => {
  manifest("app-misc/a", "a-1");
  const reason = new Error("enough");
  const scanning = scanRepository({
    repositoryId,
    location: root,
    rows,
    full: false,
    signal: AbortSignal.abort(reason),
  });
  expect(scanning).rejects.toBe(reason);
});
