/**
 * What else than distfiles a mirror carries, as clients get it through the server: stored, revalidated and kept current by
 * RFC 9111, from mirrors that change and misbehave.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const MIB = 1024 * 1024;
const LATEST = "/snapshots/gentoo-latest.tar.xz";
const STAGE = "/releases/amd64/autobuilds/20260816T170000Z/stage3-amd64-openrc-20260816T170000Z.tar.xz";
const LARGE: Content = { size: 9 * MIB + 5, seed: 7 };

let folder: TempFolder;
let mirrors: FakeUpstream[];
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  mirrors = await Promise.all([0, 1].map(() => startFakeUpstream({ files: new Map<string, Content>() })));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await Promise.all(mirrors.map((mirror) => mirror.close()));
  folder.remove();
});

async function start(settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const urls = mirrors.map(({ url }) => url);
  const ordered = { "fetcher.strategy": "ordered", ...settings };
  server = await startServer({ location: folder.file("store"), mirrors: urls, repos: [], settings: ordered });
  await server.settled;
  return server.url;
}

function put(path: string, content: Content, at: readonly FakeUpstream[] = mirrors): void {
  for (const mirror of at) mirror.files.set(path, content);
}

async function get(url: string, headers: Record<string, string> = {}, method = "GET") {
  const response = await fetch(url, { method, headers, decompress: false });
  return { status: response.status, cache: response.headers.get("cache-status"), headers: response.headers, response };
}

const asked = (path: string) => mirrors.map((mirror) => mirror.fileRequests(path).length);
const storedAt = (path: string) => folder.file(`store${path}`);

test("a file is stored under its path and is a hit with its age from then on", async () => {
  put(STAGE, LARGE);
  const url = await start();
  const first = await get(url + STAGE);
  expect(first.status).toBe(200);
  expect(first.cache).toBe("portcache; fwd=uri-miss; stored");
  expect(Buffer.compare(await first.response.bytes(), readContent(LARGE))).toBe(0);
  const second = await get(url + STAGE);
  expect([second.status, second.cache]).toEqual([200, "portcache; hit"]);
  expect(Number(second.headers.get("age"))).toBeGreaterThanOrEqual(0);
  expect(second.headers.get("content-length")).toBe(String(9 * MIB + 5));
  expect(second.headers.get("last-modified")).toBe("Tue, 02 Jan 2024 03:04:05 GMT");
  expect(Buffer.compare(await second.response.bytes(), readContent(LARGE))).toBe(0);
  expect(Buffer.compare(readFileSync(storedAt(STAGE)), readContent(LARGE))).toBe(0);
  expect(asked(STAGE)).toEqual([1, 0]);
});

test("a stale one is asked for with its validators, and a 304 makes it fresh", async () => {
  put(LATEST, "one");
  mirrors[0]!.setFault(LATEST, { kind: "headers", headers: { "Cache-Control": "max-age=0" } });
  const url = await start();
  const first = await (await get(url + LATEST)).response.text();
  mirrors[0]!.setFault(LATEST, { kind: "headers", headers: { "Cache-Control": "max-age=60" } });
  const second = await get(url + LATEST);
  expect([first, await second.response.text()]).toEqual(["one", "one"]);
  expect(second.cache).toBe("portcache; fwd=stale; fwd-status=304");
  const { headers } = mirrors[0]!.fileRequests(LATEST)[1]!;
  expect([headers["if-none-match"], headers["if-modified-since"]]).toEqual([
    expect.stringMatching(/^"[0-9a-f]{32}"$/),
    "Tue, 02 Jan 2024 03:04:05 GMT",
  ]);
  expect((await get(url + LATEST)).cache).toBe("portcache; hit");
  expect(asked(LATEST)).toEqual([2, 0]);
});

test("another one replaces the old one", async () => {
  put(LATEST, "one");
  mirrors[0]!.setFault(LATEST, { kind: "headers", headers: { "Cache-Control": "max-age=0" } });
  const url = await start();
  const before = await get(url + LATEST);
  put(LATEST, "other");
  const after = await get(url + LATEST);
  expect(after.cache).toBe("portcache; fwd=stale; stored");
  expect(await after.response.text()).toBe("other");
  expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  expect(readFileSync(storedAt(LATEST), "utf8")).toBe("other");
});

test("with no mirror to ask the old one is served, unless it must not be", async () => {
  const strict = "/snapshots/strict.txt";
  put(LATEST, "one");
  put(strict, "one");
  mirrors[0]!.setFault(LATEST, { kind: "headers", headers: { "Cache-Control": "max-age=0" } });
  mirrors[0]!.setFault(strict, { kind: "headers", headers: { "Cache-Control": "max-age=0, must-revalidate" } });
  const url = await start();
  await get(url + LATEST);
  await get(url + strict);
  await Promise.all(mirrors.map((mirror) => mirror.close()));
  const old = await get(url + LATEST);
  expect([old.status, old.cache, await old.response.text()]).toEqual([200, "portcache; fwd=stale", "one"]);
  const again = await get(url + LATEST);
  expect([again.status, again.cache]).toEqual([200, expect.stringMatching(/^portcache; hit; ttl=-?\d+$/)]);
  const refused = await get(url + strict);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([504, "30"]);
  expect((await get(url + LATEST, { "cache-control": "no-cache" })).status).toBe(504);
});

test("404 is the answer only where every mirror says so, and is remembered; trouble is not", async () => {
  const url = await start();
  const path = "/snapshots/none.txt";
  expect((await get(url + path)).status).toBe(404);
  put(path, "here now");
  expect((await get(url + path)).status).toBe(404);
  expect((await get(url + path, { "cache-control": "no-cache" })).status).toBe(200);
  const broken = "/snapshots/broken.txt";
  mirrors[0]!.setFault("*", { kind: "status", status: 503 });
  const trouble = await get(url + broken);
  expect([trouble.status, trouble.headers.get("retry-after")]).toEqual([502, "30"]);
  mirrors[0]!.setFault("*");
  put(broken, "mended");
  expect((await get(url + broken)).status).toBe(200);
});

test("one that all mirrors have removed is gone here, too", async () => {
  put(LATEST, "one");
  mirrors[0]!.setFault(LATEST, { kind: "headers", headers: { "Cache-Control": "max-age=0" } });
  const url = await start();
  await get(url + LATEST);
  for (const mirror of mirrors) mirror.files.delete(LATEST);
  expect((await get(url + LATEST)).status).toBe(404);
  expect(existsSync(storedAt(LATEST))).toBe(false);
});

test("many at once cost one request, and read along while it comes in", async () => {
  put(STAGE, LARGE);
  mirrors[0]!.setFault(STAGE, { kind: "rate", bytesPerSecond: 20 * MIB });
  const url = await start();
  const answers = await Promise.all(Array.from({ length: 12 }, () => get(url + STAGE)));
  const bodies = await Promise.all(answers.map(({ response }) => response.bytes()));
  for (const body of bodies) expect(Buffer.compare(body, readContent(LARGE))).toBe(0);
  expect(answers.filter(({ cache }) => cache === "portcache; fwd=uri-miss; stored; collapsed").length).toBe(11);
  expect(asked(STAGE)).toEqual([1, 0]);
});

test("what must not be stored is passed on and leaves nothing behind", async () => {
  const url = await start();
  for (const control of ["no-store", "private", "private, max-age=60"]) {
    put(LATEST, control);
    mirrors[0]!.setFault(LATEST, { kind: "headers", headers: { "Cache-Control": control } });
    const answer = await get(url + LATEST);
    expect([answer.cache, await answer.response.text()]).toEqual(["portcache; fwd=uri-miss", control]);
    expect(existsSync(storedAt(LATEST))).toBe(false);
  }
  expect(asked(LATEST)).toEqual([3, 0]);
  expect(readdirSync(folder.file("store/partial"))).toEqual([]);
});

test("paths are decoded once, and only files below the three folders can be asked for", async () => {
  const odd = "/snapshots/a%2Fb c+d.tar";
  put(odd, "odd");
  put("/experimental/x86/y", "y");
  const url = await start();
  const sent = "/snapshots//a%252Fb%20c%2Bd.tar";
  expect(await (await get(url + sent)).response.text()).toBe("odd");
  expect(mirrors[0]!.fileRequests(odd)[0]!.path).toBe("/snapshots/a%252Fb%20c%2Bd.tar");
  expect(await (await get(`${url}/experimental/x86/y?query=1`)).response.text()).toBe("y");
  const statuses = async (...paths: string[]) =>
    await Promise.all(paths.map(async (path) => (await get(url + path)).status));
  expect(
    await statuses("/snapshots/a%2Fb", "/snapshots/%00", "/snapshots/a%5Cb", `/snapshots/${"x".repeat(256)}`),
  ).toEqual([400, 400, 400, 400]);
  expect(await statuses("/snapshots/", "/snapshots", "/releases/amd64/", "/other/x", "/snapshots/%2e%2e/x")).toEqual([
    404, 404, 404, 404, 404,
  ]);
  const post = await get(`${url}/snapshots/x`, {}, "POST");
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});
