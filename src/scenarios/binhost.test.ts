/**
 * Tests binary packages whose mirrors are synced at different times: what an index names can be had as it names it, from the store
 * and from mirrors.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as v from "valibot";
import { FileDetailsSchema, TopSchema } from "../api/file-schemas.ts";
import { StatusSchema } from "../api/schemas.ts";
import { startTwoMirrors, type TwoMirrors } from "../testing/two-mirrors.ts";

const ROOT = "/releases/amd64/binpackages/23.0/x86-64";
const INDEX = `${ROOT}/Packages`;
const PACKED_INDEX = `${ROOT}/Packages.gz`;
const PACKAGE = `${ROOT}/app-misc/jq/jq-1.8-1.gpkg.tar`;
const OTHER = `${ROOT}/app-misc/yq/yq-20260821-1.gpkg.tar`;
const YESTERDAY = "Mon, 01 Jan 2024 03:04:05 GMT";
const FRESH = { "Cache-Control": "max-age=10000" };
const CHECK = { "cache-control": "no-cache" };

let setup: TwoMirrors;

beforeEach(async () => {
  setup = await startTwoMirrors();
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const text = async (path: string, headers: Record<string, string> = {}) =>
  await (await setup.get(path, headers)).response.text();
const cacheOf = async (path: string) => {
  const { cache, response } = await setup.get(path);
  await response.text();
  return cache;
};

test("a package is revalidated when its index has changed since, however fresh it is, and once", async () => {
  for (const path of [INDEX, PACKAGE, OTHER]) {
    setup.put(path, `${path} of yesterday`);
    setup.setHeaders(path, FRESH);
  }
  await setup.start();
  for (const path of [INDEX, PACKAGE, OTHER]) await text(path);
  expect([await cacheOf(PACKAGE), await cacheOf(OTHER)]).toEqual(["portcache; hit", "portcache; hit"]);
  setup.put(INDEX, "names jq as it is today");
  setup.put(PACKAGE, "rebuilt");
  expect(await text(INDEX, CHECK)).toBe("names jq as it is today");
  expect(await text(PACKAGE)).toBe("rebuilt");
  expect(await cacheOf(OTHER)).toBe("portcache; fwd=stale; fwd-status=304");
  expect([await cacheOf(PACKAGE), await cacheOf(OTHER)]).toEqual(["portcache; hit", "portcache; hit"]);
  // As the package changed, the index is asked for once more: it may name the next one.
  expect([await cacheOf(INDEX), await cacheOf(INDEX)]).toEqual([
    "portcache; fwd=stale; fwd-status=304",
    "portcache; hit",
  ]);
});

test("packages come from the mirror that gave the index, not from one that has an older one of the name", async () => {
  setup.put(INDEX, "new", setup.second);
  setup.put(PACKAGE, "as the new index names it", setup.second);
  setup.put(PACKAGE, "old", setup.first);
  setup.first.lastModified.set(PACKAGE, YESTERDAY);
  await setup.start();
  expect(await text(INDEX)).toBe("new");
  expect(await text(PACKAGE)).toBe("as the new index names it");
  expect(setup.requests(PACKAGE)).toEqual([0, 1]);
});

test("a package that only another mirror has is found there", async () => {
  setup.put(INDEX, "index", setup.first);
  setup.put(PACKAGE, "package", setup.second);
  await setup.start();
  await text(INDEX);
  expect(await text(PACKAGE)).toBe("package");
});

test("both forms of an index are of one time and of one mirror", async () => {
  for (const path of [INDEX, PACKED_INDEX]) {
    setup.put(path, "old");
    setup.setHeaders(path, FRESH);
  }
  await setup.start();
  expect([await text(INDEX), await text(PACKED_INDEX)]).toEqual(["old", "old"]);
  for (const path of [INDEX, PACKED_INDEX]) setup.put(path, "new");
  expect([await text(PACKED_INDEX, CHECK), await text(INDEX)]).toEqual(["new", "new"]);
});

test("an index that names a package which no mirror has is revalidated", async () => {
  setup.put(INDEX, "names jq");
  setup.setHeaders(INDEX, FRESH);
  await setup.start();
  await text(INDEX);
  setup.put(INDEX, "names it no more");
  expect((await setup.get(PACKAGE)).status).toBe(404);
  expect(await text(INDEX)).toBe("names it no more");
});

test("with all mirrors away index and packages are served as they are stored", async () => {
  for (const path of [INDEX, PACKAGE]) setup.put(path, path);
  await setup.start();
  for (const path of [PACKAGE, INDEX]) await text(path);
  await Promise.all([setup.first.close(), setup.second.close()]);
  expect([await text(PACKAGE), await text(INDEX)]).toEqual([PACKAGE, INDEX]);
});

test("binary packages and snapshots are counted, listed and described apart from distfiles", async () => {
  const snapshot = "/snapshots/gentoo-20260821.tar.xz";
  for (const path of [INDEX, PACKAGE]) setup.put(path, "1234");
  setup.put(snapshot, "12");
  const server = await setup.start();
  for (const path of [INDEX, PACKAGE, PACKAGE, snapshot, `${ROOT}/app-misc/none/none-1-1.gpkg.tar`]) await text(path);
  const api = async <S extends v.GenericSchema>(path: string, schema: S) =>
    v.parse(schema, await (await fetch(`${server.url}/api/v1/${path}`)).json());
  const { kinds } = await api("status", StatusSchema);
  const none = { requests: 0, hits: 0, misses: 0, joined: 0, absent: 0, failed: 0, refused: 0, files: 0, bytes: 0 };
  expect(kinds).toEqual([
    { kind: "distfiles", ...none, bytes_sent: 0, bytes_saved: 0, hit_ratio: null },
    {
      kind: "binary-packages",
      ...none,
      ...{ requests: 4, hits: 1, misses: 2, absent: 1, files: 2, bytes: 8, bytes_sent: 12, bytes_saved: 4 },
      hit_ratio: 1 / 3,
    },
    {
      kind: "snapshots",
      ...none,
      requests: 1,
      misses: 1,
      files: 1,
      bytes: 2,
      bytes_sent: 2,
      bytes_saved: 0,
      hit_ratio: 0,
    },
    { kind: "others", ...none, bytes_sent: 0, bytes_saved: 0, hit_ratio: null },
  ]);
  const { binary_packages, snapshots } = await api("top", TopSchema);
  expect(binary_packages.map(({ name }) => name)).toEqual([PACKAGE.slice(1), INDEX.slice(1)]);
  expect(snapshots).toEqual([{ name: snapshot.slice(1), size: 2, uses: 1 }]);
  const details = await api(`files/${encodeURIComponent(PACKAGE.slice(1))}`, FileDetailsSchema);
  expect(details).toMatchObject({ state: "stored", fetch_history: [{ outcome: "stored" }] });
  expect(details.summary).toContain("binhost");
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain('portcache_kind_requests_total{kind="binary-packages",outcome="hit"} 1\n');
  expect(metrics).toContain('portcache_kind_sent_bytes_total{kind="snapshots",outcome="miss"} 2\n');
  expect(metrics).toContain('portcache_kind_files{kind="binary-packages"} 2\n');
});
