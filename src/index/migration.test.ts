import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { FileName, MirrorPath } from "../distfile/mirror-path.ts";
import type { DistfileName } from "../distfile/name.ts";
import { systemClock } from "../lib/clock.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { createClientCounts } from "./clients.ts";
import { createFailureRows } from "./failures.ts";
import { createFileRows } from "./files.ts";
import { createHostRows } from "./hosts.ts";
import { createKindCounts } from "./kind-counts.ts";
import { createMirrorAnswerRows, createMirrorLayoutRows } from "./mirrors.ts";
import { manifestsPathBeside, openIndex } from "./open.ts";
import { createOrphanRows } from "./orphans.ts";
import { createRemovalRows } from "./removals.ts";
import { createRepositoryRows } from "./repositories.ts";
import { createStatistics } from "./statistics.ts";

const MIGRATIONS = `${import.meta.dir}/../../drizzle`;
const DISTFILE = "foo-1.tar.gz" as DistfileName;
const SNAPSHOT = "snapshots/gentoo-latest.tar.xz" as MirrorPath;
const SUM = "snapshots/gentoo-latest.tar.xz.md5sum" as MirrorPath;

let folder: TempFolder;
let path: string;

/** Makes an index as the migrations up to that number leave it. */
function makeOldIndex(lastMigration: number, lastOfTrees = Number.POSITIVE_INFINITY): Database {
  const old = folder.file("drizzle");
  cpSync(MIGRATIONS, old, { recursive: true });
  for (const [journalPath, last] of [
    [`${old}/meta/_journal.json`, lastMigration],
    [`${old}/trees/meta/_journal.json`, lastOfTrees],
  ] as const) {
    const journal: { entries: { idx: number }[] } = JSON.parse(readFileSync(journalPath, "utf8"));
    journal.entries = journal.entries.filter(({ idx }) => idx <= last);
    writeFileSync(journalPath, JSON.stringify(journal));
  }
  openIndex(path, old).close();
  return new Database(path);
}

function insert(index: Database, table: string, row: Readonly<Record<string, string | number | null>>): void {
  const columns = Object.keys(row);
  index
    .query(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`)
    .run(...Object.values(row));
}

beforeEach(() => {
  folder = createTempFolder();
  path = folder.file("index.sqlite");
});
afterEach(() => folder.remove());

test("files of both kinds, their uses, partials and statistics of hosts outlive the move into one table", () => {
  const old = makeOldIndex(8);
  const file = { size: 3, blake2b: "ab", stamp: "3:1:1", last_modified_at: 1, source: "http://mirror.test/f" };
  const use = { stored_at: 5, used_at: 6, uses: 7, heat: 2.5 };
  const orphan = { wanted_once: 1, orphaned_at: 9, verified_at: 8, bad_stamp: "bad" };
  insert(old, "distfiles", { name: DISTFILE, sha512: "cd", ...file, ...use, ...orphan });
  const metadata = {
    etag: '"e"',
    last_modified: "Tue, 02 Jan 2024 03:04:05 GMT",
    cache_control: "max-age=5",
    expires_at: 10,
    date_at: 11,
    answered_at: 12,
    initial_age_ms: 13,
  };
  insert(old, "mirror_files", { path: SNAPSHOT, stem: SNAPSHOT, ...file, ...metadata, ...use, outdated: 1 });
  insert(old, "mirror_files", { path: SUM, stem: SNAPSHOT, ...file, ...metadata, ...use, verified_at: 14, uses: 1 });
  insert(old, "partials", { name: "bar.zip", url: "http://u/", etag: '"p"', total: 20 });
  insert(old, "mirror_partials", {
    path: "releases/x",
    url: "http://m/",
    etag: null,
    last_modified: "then",
    total: 30,
  });
  const counts = { speed_bytes: 1, delivered: 2, absent: 3, failed: 4, strikes: 5, open_for_ms: 6 };
  const times = { first_byte_ms: 1.5, recent_first_byte_ms: "[1,2]", seen_at: 7, asked_at: 8, carrying: 9 };
  insert(old, "places", { place: "http://mirror.test", ...counts, ...times, bytes_per_second: null, open_until: null });
  insert(old, "settings", { key: "trees_well_at", value: "77" });
  old.close();

  const index = openIndex(path, MIGRATIONS);
  expect(index.damages).toEqual([]);
  const rows = createFileRows(index.db);
  expect([rows.count(), rows.bytes()]).toEqual([3, 9]);
  const seen = { size: 3, blake2b: "ab", stamp: "3:1:1", source: "http://mirror.test/f" };
  const used = { storedAt: 5, usedAt: 6, uses: 7, useScore: 2.5 };
  expect(rows.get(DISTFILE)).toEqual({
    name: DISTFILE,
    sha512: "cd",
    otherHashes: null,
    ...seen,
    ...used,
    wantedOnce: true,
    orphanedAt: 9,
    verifiedAt: 8,
    badStamp: "bad",
  });
  expect(rows.getMirrorFile(SNAPSHOT)).toMatchObject({
    row: { name: SNAPSHOT, sha512: null, ...seen, ...used, wantedOnce: false, orphanedAt: null, verifiedAt: null },
    metadata: {
      etag: '"e"',
      lastModified: "Tue, 02 Jan 2024 03:04:05 GMT",
      cacheControl: "max-age=5",
      expiresAt: 10,
      dateAt: 11,
      answeredAt: 12,
      initialAgeMs: 13,
      outdated: true,
    },
  });
  expect(rows.getMirrorFile(SUM)).toMatchObject({ row: { uses: 1, verifiedAt: 14 }, metadata: { outdated: false } });
  expect(rows.ofStem(SNAPSHOT).map(({ name }) => name)).toEqual([SNAPSHOT, SUM]);
  const partials = ["bar.zip", "releases/x"].map((name) => rows.partial(name as FileName));
  expect(partials).toEqual([
    { name: "bar.zip" as DistfileName, url: "http://u/", etag: '"p"', lastModified: null, total: 20 },
    { name: "releases/x" as MirrorPath, url: "http://m/", etag: null, lastModified: "then", total: 30 },
  ]);
  expect(createHostRows(index.db).all()).toMatchObject([
    {
      host: "http://mirror.test",
      stats: { firstByteMs: 1.5, recentFirstByteMs: [1, 2], delivered: 2, absent: 3, failed: 4, strikes: 5, seenAt: 7 },
      lastRequestAt: 8,
      activeRequests: 9,
    },
  ]);
  expect(createOrphanRows(index.db).currentAt()).toBe(77);
  const tables = index.db.$client.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'");
  expect(tables.all().map(({ name }) => name)).not.toContainAnyValues(["distfiles", "mirror_files", "places"]);
  index.close();
});

test("credentials of mirrors are taken out of every table, and out of the bytes of the files", () => {
  const old = makeOldIndex(10);
  const counts = { speed_bytes: 1, absent: 3, failed: 4, strikes: 5, open_for_ms: 6, active_requests: 0 };
  const times = { recent_first_byte_ms: "[]", seen_at: 7, last_request_at: 8 };
  for (const [host, delivered] of [
    ["http://me:hunter2@box/gentoo", 2],
    ["https://me:hun@ter2@box:8080", 3],
    ["http://plain", 4],
    ["http://***@box/gentoo", 1],
  ] as const)
    insert(old, "hosts", { host, delivered, ...counts, ...times });
  insert(old, "mirror_layouts", { url: "http://me:hunter2@box", layout_conf: "x", fetched_at: 1 });
  insert(old, "mirror_answers", { mirror: "http://me:hunter2@box", repository: "gentoo", found: 1, absent: 2 });
  const file = { size: 3, stamp: "3:1:1", stored_at: 5, used_at: 6 };
  insert(old, "files", { name: DISTFILE, source: "http://me:hunter2@box/f@x", ...file });
  insert(old, "files", { name: SNAPSHOT, source: "http://plain/f@x", ...file });
  insert(old, "partials", { name: "bar.zip", url: "http://me:hunter2@box/bar.zip", total: 20 });
  old.close();
  const index = openIndex(path, MIGRATIONS);
  const hosts = createHostRows(index.db).all();
  expect(hosts.map(({ host, stats }) => [host, stats.delivered]).toSorted()).toEqual([
    ["http://***@box/gentoo", 2],
    ["http://plain", 4],
    ["https://***@box:8080", 3],
  ]);
  const rows = createFileRows(index.db);
  expect([rows.get(DISTFILE)?.source, rows.get(SNAPSHOT)?.source]).toEqual(["http://***@box/f@x", "http://plain/f@x"]);
  expect(rows.partial("bar.zip" as DistfileName)?.url).toBe("http://***@box/bar.zip");
  expect(createMirrorLayoutRows(index.db).get("http://***@box")).toMatchObject({ layoutConf: "x" });
  expect(createMirrorAnswerRows(index.db).all()).toMatchObject([{ mirror: "http://***@box", found: 1 }]);
  for (const name of readdirSync(folder.path).filter((name) => name.startsWith("index.sqlite")))
    expect([name, readFileSync(folder.file(name), "latin1").match(/hunter2|ter2@/)]).toEqual([name, null]);
  index.close();
});

test("a mirror file that is forgotten takes its metadata along", () => {
  const index = openIndex(path, MIGRATIONS);
  const rows = createFileRows(index.db);
  const metadata = { etag: null, lastModified: null, cacheControl: "", expiresAt: null };
  const times = { dateAt: 1, answeredAt: 1, initialAgeMs: 0, outdated: false };
  rows.putMirrorFile(
    { name: SNAPSHOT, size: 1, stamp: "1", source: "", storedAt: 1, usedAt: 1 },
    { ...metadata, ...times },
  );
  expect(rows.getMirrorFile(SNAPSHOT)?.metadata).toMatchObject(times);
  rows.forget(SNAPSHOT);
  expect([rows.getMirrorFile(SNAPSHOT), rows.ofStem(SNAPSHOT), rows.bytes()]).toEqual([undefined, [], 0]);
  index.close();
});

test("Manifests whose lines had no known hash are read again, and no others", () => {
  makeOldIndex(9, 0).close();
  const manifests = new Database(manifestsPathBeside(path));
  for (const [id, name, blake2b] of [
    [1, "old", null],
    [2, "new", "ab"],
  ] as const) {
    const manifest = { id, repository_id: 1, category: "app-misc", package: name, stamp: "1:2:3:4", distfiles: 1 };
    insert(manifests, "manifests", manifest);
    insert(manifests, "dist_entries", { manifest_id: id, name: `${name}.tar`, size: 1, blake2b });
  }
  manifests.close();
  const index = openIndex(path, MIGRATIONS);
  expect(index.damages).toEqual([]);
  const packages = createRepositoryRows(index.db).packages(1, "app-misc");
  expect([...packages].map(([name, { stamp }]) => [name, stamp])).toEqual([
    ["new", "1:2:3:4"],
    ["old", ""],
  ]);
  index.close();
});

test("what was learnt of a mirror that was taken to be flat by mistake is forgotten", () => {
  const old = makeOldIndex(11);
  insert(old, "mirror_layouts", { url: "http://a.test", layout_conf: "", fetched_at: 1 });
  insert(old, "mirror_layouts", { url: "http://b.test", layout_conf: "[structure]\n0=flat\n", fetched_at: 1 });
  insert(old, "mirror_answers", { mirror: "http://a.test", repository: "gentoo", found: 0, absent: 64 });
  insert(old, "mirror_answers", { mirror: "http://b.test", repository: "gentoo", found: 3, absent: 6 });
  old.close();
  const index = openIndex(path, MIGRATIONS);
  const layouts = createMirrorLayoutRows(index.db);
  expect([layouts.get("http://a.test"), layouts.get("http://b.test")?.fetchedAt]).toEqual([undefined, 1]);
  expect(
    createMirrorAnswerRows(index.db)
      .all()
      .map(({ mirror }) => mirror),
  ).toEqual(["http://b.test"]);
  index.close();
});

test("counts by kind of file begin with nothing, beside those that there are", () => {
  const old = makeOldIndex(12);
  insert(old, "statistics", {
    ...{ resolution: "total", at: 0, hits: 3, misses: 0, joined: 0, absent: 0, failed: 0, refused: 0, other: 0 },
    ...{ hit_bytes: 30, miss_bytes: 0, joined_bytes: 0, mirror_bytes: 0, uri_bytes: 0 },
  });
  old.close();
  const index = openIndex(path, MIGRATIONS);
  expect(index.damages).toEqual([]);
  expect(createStatistics(index.db, systemClock, () => true).allTime().hits).toBe(3);
  expect(createKindCounts(index.db).allTime().distfiles.hits).toBe(0);
  index.close();
});

test("clients keep their counts, and have saved nothing that is known", () => {
  const old = makeOldIndex(13);
  const row = { address: "192.0.2.1", requests: 3, hits: 2, bytes: 10, first_seen: 1, last_seen: 2 };
  insert(old, "clients", row);
  old.close();
  const index = openIndex(path, MIGRATIONS);
  expect(createClientCounts(index.db).get("192.0.2.1")).toEqual({
    address: "192.0.2.1",
    requests: 3,
    hits: 2,
    bytes: 10,
    savedBytes: 0,
    firstSeen: 1,
    lastSeen: 2,
  });
  index.close();
});

test("failures listed before their sources were kept have none", () => {
  const old = makeOldIndex(14);
  insert(old, "failures", { file: "a.zip", kind: "failed", reason: "x", count: 3, first_at: 1, last_at: 2 });
  old.close();
  const index = openIndex(path, MIGRATIONS);
  expect(createFailureRows(index.db, systemClock).latest(9)).toMatchObject([{ file: "a.zip", count: 3, sources: [] }]);
  index.close();
});

test("an index from before gets a place for removals", () => {
  makeOldIndex(15).close();
  const index = openIndex(path, MIGRATIONS);
  const removals = createRemovalRows(index.db);
  removals.add(DISTFILE, { at: 3, reason: "space" });
  removals.flush();
  expect(createRemovalRows(index.db).of(DISTFILE)).toEqual({ at: 3, reason: "space" });
  index.close();
});
