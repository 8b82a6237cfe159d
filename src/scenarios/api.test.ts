/**
 * Checks the responses of /api/v1 against their schemas, through the whole server and after real traffic.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import * as v from "valibot";
import { ClientDetailsSchema, ClientsSchema } from "../api/client-schemas.ts";
import { FileDetailsSchema, FilesSchema, TopSchema } from "../api/file-schemas.ts";
import { RequestsSchema } from "../api/request-schemas.ts";
import { FailuresSchema, HistorySchema, MirrorsSchema, ProblemSchema, StatusSchema } from "../api/schemas.ts";
import { CLIENT_ROUTE, FILE_ROUTE, ROUTES } from "../http/api/routes.ts";
import type { Content } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const one = { size: 200_000, seed: 1 };
const two = { size: 300_000, seed: 2 };

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: TestServer;

beforeAll(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: { "one.zip": one, "two.zip": two, "nowhere.zip": { size: 7, seed: 3 } } });
  mirror = await startFakeUpstream({
    files: new Map<string, Content>(Object.entries({ "one.zip": one, "two.zip": two })),
  });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
    settings: { "fetcher.read_ahead": "0", "clients.names": "127.0.0.1=builder" },
  });
  await server.settled;
  for (const name of ["one.zip", "one.zip", "one.zip", "two.zip", "nowhere.zip", "a%00b"]) {
    await (await fetch(`${server.url}/distfiles/${name}`)).bytes();
  }
  await fetch(`${server.url}/distfiles/one.zip`, { method: "DELETE" });
});

afterAll(async () => {
  await server.stop();
  await mirror.close();
  folder.remove();
});

async function get<S extends v.GenericSchema>(path: string, schema: S): Promise<v.InferOutput<S>> {
  const response = await fetch(`${server.url}/api/v1${path}`);
  expect([path, response.status, response.headers.get("content-type")]).toEqual([path, 200, "application/json"]);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("access-control-allow-origin")).toBeNull();
  return v.parse(schema, await response.json());
}

/** Makes a schema that allows no other fields. */
function strictly(schema: v.GenericSchema): v.GenericSchema {
  if (schema.type === "object") {
    const { entries } = schema as v.ObjectSchema<Record<string, v.GenericSchema>, undefined>;
    return v.strictObject(Object.fromEntries(Object.entries(entries).map(([key, one]) => [key, strictly(one)])));
  }
  if (schema.type === "array") return v.array(strictly((schema as v.ArraySchema<v.GenericSchema, undefined>).item));
  return schema;
}

test("every route returns what its schema says, and nothing else", async () => {
  for (const { path, response } of ROUTES) await get(path, strictly(response));
  for (const name of ["one.zip", "nowhere.zip", "never-heard-of"]) {
    await get(FILE_ROUTE.path.replace("{name}", name), strictly(FILE_ROUTE.response));
  }
  for (const address of ["127.0.0.1", "2001%3Adb8%3A%3A1", "constructor", "builder"]) {
    await get(CLIENT_ROUTE.path.replace("{address}", address), strictly(CLIENT_ROUTE.response));
  }
});

test("requests and bytes are counted by outcome, since the start and over time", async () => {
  const { since_start, all_time, store, in_flight } = await get("/status", StatusSchema);
  expect(since_start).toMatchObject({
    requests: 7,
    hits: 2,
    misses: 2,
    absent: 1,
    refused: 2,
    bytes_sent: 900_000,
    bytes_saved: 400_000,
    bytes_fetched: 500_000,
    hit_ratio: 0.5,
  });
  expect(all_time).toEqual(since_start);
  expect([store.files, store.bytes, in_flight]).toEqual([2, 500_000, 0]);
  for (const resolution of ["minute", "hour", "day"]) {
    const { points } = await get(`/history?resolution=${resolution}&points=3`, HistorySchema);
    expect(points.length).toBe(3);
    expect(points.reduce((sum, { hits }) => sum + hits, 0)).toBe(2);
  }
});

const filesIn = async (query: string) =>
  (await get(`/requests${query}`, RequestsSchema)).requests.map(({ file }) => file);

test("requests are listed newest first, filtered and paged, with what came of them", async () => {
  const { requests, recorded, problem, left_out } = await get("/requests", RequestsSchema);
  expect([recorded, problem, left_out, requests.length]).toEqual([true, null, 0, 7]);
  const [refused, bad, absent, two, hit] = requests;
  expect([refused?.outcome, refused?.detail, refused?.method]).toEqual(["refused", "method not allowed", "other"]);
  expect([bad?.outcome, bad?.status, bad?.package]).toEqual(["refused", 400, null]);
  expect([absent?.file, absent?.outcome, absent?.package]).toEqual(["nowhere.zip", "absent", "app-misc/one"]);
  expect(two).toMatchObject({ client: "127.0.0.1", outcome: "miss", bytes: 300_000, source: new URL(mirror.url).host });
  expect(hit).toMatchObject({
    file: "one.zip",
    method: "GET",
    outcome: "hit",
    detail: "hit",
    status: 200,
    source: "store",
  });
  expect(await filesIn("?outcome=miss")).toEqual(["two.zip", "one.zip"]);
  expect(await filesIn("?file=on&client=127.0.0.1&outcome=hit")).toEqual(["one.zip", "one.zip"]);
  expect(await filesIn("?package=app-misc/one&limit=2")).toEqual(["nowhere.zip", "two.zip"]);
  expect(await filesIn("?package=app-misc/other")).toEqual([]);
  expect(await filesIn("?client=192.0.2.1")).toEqual([]);
  expect(await filesIn(`?after=${hit?.id}&before=${absent?.id}`)).toEqual(["two.zip"]);
  expect(await filesIn(`?until=${requests.at(-1)?.at}`)).toEqual([]);
  const paged: string[] = [];
  for (let before = "9000000000000000"; paged.length < 10; ) {
    const page = await get(`/requests?limit=3&before=${before}`, RequestsSchema);
    paged.push(...page.requests.map(({ id }) => id));
    if (page.next === null) break;
    before = page.next;
  }
  expect(paged).toEqual(requests.map(({ id }) => id));
});

test("a client is found by its address and by its name, with what it asked for", async () => {
  const { clients } = await get("/clients", ClientsSchema);
  expect(clients).toMatchObject([
    { address: "127.0.0.1", name: "builder", requests: 7, hits: 2, bytes_saved: 400_000 },
  ]);
  const byName = await get("/clients/builder", ClientDetailsSchema);
  expect(byName).toEqual(await get("/clients/127.0.0.1", ClientDetailsSchema));
  expect([byName.address, byName.name, byName.client?.bytes]).toEqual(["127.0.0.1", "builder", 900_000]);
  expect(byName.packages).toEqual([{ package: "app-misc/one", requests: 5, bytes: 900_000 }]);
  expect(byName.files[0]).toEqual({ file: "one.zip", requests: 3, bytes: 600_000 });
  expect((await get("/clients/192.0.2.1", ClientDetailsSchema)).client).toBeNull();
  const { requests } = await get("/requests?client=builder&outcome=miss", RequestsSchema);
  expect(requests.map(({ file, client_name }) => [file, client_name])).toEqual([
    ["two.zip", "builder"],
    ["one.zip", "builder"],
  ]);
});

test("files are searched, sorted and paged", async () => {
  const all = await get("/files?sort=size&order=desc", FilesSchema);
  expect([all.total, all.files.map(({ name }) => name)]).toEqual([2, ["two.zip", "one.zip"]]);
  expect((await get("/files?q=ONE", FilesSchema)).files.map(({ name }) => name)).toEqual(["one.zip"]);
  expect((await get("/files?q=%25", FilesSchema)).total).toBe(0);
  const second = await get("/files?per_page=1&page=2", FilesSchema);
  expect([second.total, second.files.map(({ name }) => name)]).toEqual([2, ["two.zip"]]);
});

test("the details of a file name its packages, its downloads and why it is or is not stored", async () => {
  const stored = await get("/files/one.zip", FileDetailsSchema);
  expect([stored.state, stored.stored?.verification, stored.packages[0]?.package]).toEqual([
    "stored",
    "verified",
    "app-misc/one",
  ]);
  expect(stored.fetch_history).toMatchObject([
    { outcome: "stored", upstream_requests: [{ source: mirror.url, bytes: 200_000, outcome: "delivered" }] },
  ]);
  const missing = await get("/files/nowhere.zip", FileDetailsSchema);
  expect([missing.state, missing.failures[0]?.kind, missing.fetch_history[0]?.upstream_requests[0]?.outcome]).toEqual([
    "listed",
    "absent",
    "absent",
  ]);
  expect(missing.summary).toBe("Not stored: the last download failed.");
  expect(missing.failures[0]?.reason).toContain("Wanted by");
  expect((await get("/files/never-heard-of", FileDetailsSchema)).state).toBe("unknown");
});

test("mirrors and failures are listed", async () => {
  const { mirrors } = await get("/mirrors", MirrorsSchema);
  expect(mirrors).toMatchObject([{ url: mirror.url, kind: "mirror", circuit: "closed", success_rate: 1 }]);
  const { failures } = await get("/failures", FailuresSchema);
  expect(failures.map(({ file, kind, count }) => [file, kind, count])).toEqual([["nowhere.zip", "absent", 1]]);
});

test("invalid queries, names and paths are problems (RFC 9457) that say what is wrong", async () => {
  for (const [path, status, detail] of [
    ["/files?page=0", 400, "page"],
    ["/files?sort=colour", 400, "sort"],
    ["/history?points=100000", 400, "points"],
    ["/files/a%00b", 400, "name"],
    ["/files/%2e%2e%2fetc", 400, "name"],
    ["/nothing", 404, "openapi.json"],
  ] as const) {
    const response = await fetch(`${server.url}/api/v1${path}`);
    expect([path, response.status, response.headers.get("content-type")]).toEqual([
      path,
      status,
      "application/problem+json",
    ]);
    expect(v.parse(ProblemSchema, await response.json()).detail).toContain(detail);
  }
});

test("counts survive a restart", async () => {
  await server.stop();
  server = await startServer({ location: folder.file("store"), mirrors: [mirror.url], repos: [repository.location] });
  await server.settled;
  const { since_start, all_time } = await get("/status", StatusSchema);
  expect([since_start.requests, all_time.requests, all_time.bytes_sent]).toEqual([0, 7, 900_000]);
  const { points } = await get("/history?resolution=hour&points=2", HistorySchema);
  expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(7);
  expect((await get("/failures", FailuresSchema)).failures.map(({ file }) => file)).toEqual(["nowhere.zip"]);
  expect((await get("/clients", ClientsSchema)).clients).toMatchObject([
    { address: "127.0.0.1", requests: 7, hits: 2, bytes_saved: 400_000 },
  ]);
  const top = await get("/top?limit=1", TopSchema);
  expect([top.files[0]?.name, top.packages[0]?.package, top.largest[0]?.name]).toEqual([
    "one.zip",
    "app-misc/one",
    "two.zip",
  ]);
});

test("with [server] client_statistics off no client is listed, not even earlier ones", async () => {
  await server.stop();
  const settings = { "server.client_statistics": "false" };
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
    settings,
  });
  await (await fetch(`${server.url}/distfiles/one.zip`)).bytes();
  expect(await get("/clients", ClientsSchema)).toEqual({ recorded: false, clients: [] });
  expect(await get("/requests", RequestsSchema)).toMatchObject({ recorded: false, requests: [], next: null });
  await server.stop();
  expect(existsSync(folder.file("store/requests.sqlite"))).toBe(false);
});

test("the details of a file that clean-up removed say so", async () => {
  await server.stop();
  const settings = { "storage.max_size": "400000", "server.admin_token": "t", "fetcher.read_ahead": "0" };
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
    settings,
  });
  await server.settled;
  const response = await fetch(`${server.url}/api/v1/clean`, {
    method: "POST",
    headers: { authorization: "Bearer t", "content-type": "application/json" },
    body: "{}",
  });
  expect(response.status).toBe(200);
  const files = await Promise.all(["one.zip", "two.zip"].map((name) => get(`/files/${name}`, FileDetailsSchema)));
  const gone = files.filter(({ stored }) => stored === null);
  expect(gone.map(({ summary }) => summary)).toEqual([expect.stringContaining("removed it to free space")]);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain('portcache_evicted_files_total{reason="space"} 1\n');
});

test("405 lists the methods that a path accepts, and is a problem below /api", async () => {
  for (const [method, path, allow] of [
    ["POST", "/api/v1/status", "GET, HEAD"],
    ["DELETE", "/api/v1/files/one.zip", "GET, HEAD, PUT"],
    ["DELETE", "/api/v1/events", "GET, HEAD"],
    ["PATCH", "/api/v1/openapi.json", "GET, HEAD"],
    ["OPTIONS", "/api/v1/downloads", "GET, HEAD"],
    ["GET", "/api/v1/clean", "POST"],
    ["PUT", "/api/v1/fetch", "POST"],
    ["POST", "/", "GET, HEAD"],
    ["POST", "/metrics", "GET, HEAD"],
    ["DELETE", "/healthz", "GET, HEAD"],
  ] as const) {
    const { status, headers } = await fetch(server.url + path, { method });
    const type = path.startsWith("/api/") ? "application/problem+json" : "text/plain; charset=utf-8";
    expect([method, path, status, headers.get("allow"), headers.get("content-type")]).toEqual([
      method,
      path,
      405,
      allow,
      type,
    ]);
  }
  for (const [method, path] of [
    ["POST", "/api/v1/nothing"],
    ["PUT", "/api/v1/files/one/zip"],
    ["DELETE", "/api/v2/status"],
  ] as const) {
    const { status, headers } = await fetch(server.url + path, { method });
    expect([path, status, headers.get("content-type")]).toEqual([path, 404, "application/problem+json"]);
  }
});

test("HEAD is answered as GET is; POST is not", async () => {
  const head = await fetch(`${server.url}/api/v1/status`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([200, "application/json", ""]);
  expect((await fetch(`${server.url}/api/v1/status`, { method: "POST", body: "{}" })).status).toBe(405);
});
