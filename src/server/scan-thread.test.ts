import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import type { DistfileName } from "../distfile/name.ts";
import { type Index, openIndex } from "../index/open.ts";
import { createRepositoryRows, type RepositoryRows } from "../index/repositories.ts";
import type { Scan } from "../repos/scan-schedule.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createScanThread, type ScanThread } from "./scan-thread.ts";

const WORKER = new URL("./scan.worker.ts", import.meta.url).href;
const never = new AbortController().signal;

let folder: TempFolder;
let index: Index;
let rows: RepositoryRows;
let damages: number;
let thread: ScanThread | undefined;

beforeEach(() => {
  folder = createTempFolder();
  index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  rows = createRepositoryRows(index.db);
  damages = 0;
});
afterEach(async () => {
  await thread?.stop();
  index.close();
  folder.remove();
});

function createScan(workerUrl = WORKER): Scan {
  thread = createScanThread({
    workerUrl,
    manifestsPath: index.manifestsPath ?? "",
    repositoryIds: rows.ids,
    onChange: rows.noteChange,
    onDamage: () => damages++,
  });
  return thread.scan;
}

/** One with so many packages, each of which wants a file of its own. */
function manyPackages(name: string, packages: number): TestRepository {
  const repository = writeRepository(folder.file(name), { name });
  for (let i = 0; i < packages; i++) {
    repository.put(`cat-${i % 7}/p-${i}`, {
      dist: { [`${name}-${i}`]: { digests: { size: 1 + i, sha512: "a".repeat(128) } } },
    });
  }
  return repository;
}

const wantedBy = (name: string) => rows.entriesByName(name as DistfileName).map((by) => by.repository);
const indexNames = () => index.db.all("SELECT name FROM trees.sqlite_schema WHERE type = 'index' ORDER BY name");

test("scans asked for at once come one after the other, and what they find is seen with all indexes", async () => {
  const repositories = [manyPackages("one", 200), manyPackages("two", 30)];
  const ids = rows.configure(repositories);
  const scan = createScan();
  const [before, indexes] = [rows.revision, indexNames()];
  const request = (i: number) => ({
    repositoryId: ids[i] ?? 0,
    location: repositories[i]?.location ?? "",
    full: false,
  });
  const reports = await Promise.all([0, 1].map((i) => scan(request(i), never)));
  expect(reports).toMatchObject([
    { packages: 200, distfiles: 200, read: 200, changed: 200 },
    { packages: 30, changed: 30 },
  ]);
  expect([rows.counts(), rows.revision > before]).toEqual([{ packages: 230, distfiles: 230 }, true]);
  expect([wantedBy("one-199"), wantedBy("two-0"), wantedBy("two-30")]).toEqual([["one"], ["two"], []]);
  expect(indexNames()).toEqual(indexes);
  const settled = rows.revision;
  expect(await scan(request(0), never)).toMatchObject({ packages: 200, read: 0, changed: 0 });
  expect(rows.revision).toBe(settled);
});

test("the next scan forgets the files of repositories that are no longer configured", async () => {
  const [gone, stays] = [manyPackages("gone", 420), manyPackages("stays", 3)];
  const [goneId = 0, staysId = 0] = rows.configure([gone, stays]);
  const scan = createScan();
  await scan({ repositoryId: goneId, location: gone.location, full: false }, never);
  rows.configure([stays]);
  expect([wantedBy("gone-1"), rows.packages(goneId, "cat-1").size]).toEqual([[], 60]);
  await scan({ repositoryId: staysId, location: stays.location, full: false }, never);
  expect([rows.categories(goneId), rows.counts().packages]).toEqual([[], 3]);
});

test("a scan that is stopped ends early with the signal's reason, and the next one continues from there", async () => {
  const repository = manyPackages("tree", 300);
  const [repositoryId = 0] = rows.configure([repository]);
  const scan = createScan();
  const request = { repositoryId, location: repository.location, full: false };
  const stopping = new AbortController();
  const scans = [scan(request, stopping.signal), scan(request, stopping.signal)].map((one) =>
    one.catch((error: unknown) => error),
  );
  const reason = new Error("enough");
  stopping.abort(reason);
  expect(await Promise.all(scans)).toEqual([reason, reason]);
  expect(rows.counts().packages).toBeLessThan(300);
  expect(await scan(request, never)).toMatchObject({ packages: 300 });
  expect(wantedBy("tree-299")).toEqual(["tree"]);
});

test("writers of the index do not wait for a scan, and the event loop goes on", async () => {
  const repository = manyPackages("tree", 500);
  const [repositoryId = 0] = rows.configure([repository]);
  let running = true;
  const scanning = createScan()({ repositoryId, location: repository.location, full: false }, never).finally(() => {
    running = false;
  });
  let written = 0;
  while (running) {
    rows.configure([repository]);
    written++;
    await Bun.sleep(1);
  }
  await scanning;
  expect(written).toBeGreaterThan(2);
  expect(rows.counts().packages).toBe(500);
});

test("where there is nothing to write nothing is written", async () => {
  const [repositoryId = 0] = rows.configure([writeRepository(folder.file("empty"))]);
  const version = () => index.db.values("PRAGMA trees.data_version");
  const before = version();
  const request = { repositoryId, location: folder.file("empty"), full: true };
  expect(await createScan()(request, never)).toMatchObject({ packages: 0, changed: 0 });
  await thread?.stop();
  expect([version(), indexNames().length]).toEqual([before, 6]);
});

test("a damaged or missing trees.sqlite is reported", async () => {
  const repository = manyPackages("tree", 400);
  const [repositoryId = 0] = rows.configure([repository]);
  const request = { repositoryId, location: repository.location, full: false };
  await createScan()(request, never);
  await thread?.stop();
  const [root] = index.db.values("SELECT rootpage FROM trees.sqlite_schema WHERE name = 'dist_entries_sha512'");
  index.close();
  const path = folder.file("trees.sqlite");
  const bytes = readFileSync(path);
  bytes.fill(0xff, (Number(root?.[0]) - 1) * 4096, Number(root?.[0]) * 4096);
  writeFileSync(path, bytes);
  index = openIndex(folder.file("index.sqlite"), `${import.meta.dir}/../../drizzle`);
  rows = createRepositoryRows(index.db);
  await expect(createScan()(request, never)).rejects.toThrow();
  expect(damages).toBe(1);
  rmSync(path);
  await expect(createScan()(request, never)).rejects.toThrow();
  expect(damages).toBe(2);
});

test("a thread that can't run fails its scan, and all that wait", async () => {
  const scan = createScan("file:///nonexistent/scan.worker.ts");
  const request = { repositoryId: 1, location: folder.path, full: false };
  const failures = [scan(request, never), scan(request, never)].map((one) =>
    one.catch(({ message }: Error) => message),
  );
  for (const failure of await Promise.all(failures)) expect(failure).toStartWith("the scanning thread ended: ");
});

test("no thread stays behind", async () => {
  const repository = manyPackages("tree", 3);
  const [repositoryId = 0] = rows.configure([repository]);
  const scan = createScan();
  const request = { repositoryId, location: repository.location, full: false };
  await scan(request, never);
  const threads = () => readdirSync("/proc/self/task").length;
  const after = threads();
  for (let i = 0; i < 8; i++) await scan(request, never);
  // The runtime starts a thread or two of its own at any time; eight scans would leave eight.
  const most = after + 3;
  for (let i = 0; i < 100 && threads() > most; i++) await Bun.sleep(20);
  expect(threads()).toBeLessThanOrEqual(most);
});

test("no scan leaves trees.sqlite open behind it", async () => {
  const repository = manyPackages("tree", 3);
  const [repositoryId = 0] = rows.configure([repository]);
  const scan = createScan();
  const request = { repositoryId, location: repository.location, full: false };
  const open = () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === index.manifestsPath;
      } catch {
        return false;
      }
    }).length;
  await scan(request, never);
  const after = open();
  for (let i = 0; i < 8; i++) await scan(request, never);
  for (let i = 0; i < 100 && open() > after; i++) await Bun.sleep(20);
  expect(open()).toBeLessThanOrEqual(after);
});
