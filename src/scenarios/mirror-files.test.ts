/**
 * Tests mirror files as clients get them through the server: stored and revalidated by RFC 9111, from mirrors that change and
 * misbehave.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { type Content, readContent } from "../testing/content.ts";
import { UNATTENDED } from "../testing/server.ts";
import { startTwoMirrors, type TwoMirrors } from "../testing/two-mirrors.ts";

const MIB = 1024 * 1024;
const LATEST = "/snapshots/gentoo-latest.tar.xz";
const STAGE = "/releases/amd64/autobuilds/20260816T170000Z/stage3-amd64-openrc-20260816T170000Z.tar.xz";
const LARGE: Content = { size: 9 * MIB + 5, seed: 7 };
const LAST_MODIFIED = "Tue, 02 Jan 2024 03:04:05 GMT";

let setup: TwoMirrors;

beforeEach(async () => {
  setup = await startTwoMirrors();
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const isLarge = async ({ response }: { readonly response: Response }) =>
  Buffer.compare(await response.bytes(), readContent(LARGE)) === 0;

test("a file is stored under its path and is a hit with its age from then on", async () => {
  setup.put(STAGE, LARGE);
  await setup.start();
  const first = await setup.get(STAGE);
  expect([first.status, first.cache]).toEqual([200, "portcache; fwd=uri-miss; stored"]);
  expect(await isLarge(first)).toBe(true);
  const second = await setup.get(STAGE);
  expect([second.status, second.cache]).toEqual([200, "portcache; hit"]);
  expect(Number(second.headers.get("age") ?? "none")).toBeLessThan(60);
  expect(second.headers.get("content-length")).toBe(String(9 * MIB + 5));
  expect(second.headers.get("last-modified")).toBe(LAST_MODIFIED);
  expect(second.headers.get("etag")).toMatch(/^"[0-9a-f]+"$/);
  expect(await isLarge(second)).toBe(true);
  expect(Buffer.compare(readFileSync(setup.storedPath(STAGE)), readContent(LARGE))).toBe(0);
  expect(setup.requests(STAGE)).toEqual([1, 0]);
});

test("the mirror's freshness fields are passed on, with the age that it gave", async () => {
  setup.put(LATEST, "one");
  setup.setHeaders(LATEST, { "Cache-Control": "public, max-age=500", Age: "100", Expires: "0" });
  await setup.start();
  const freshness = async () => {
    const { headers } = await setup.get(LATEST);
    return [headers.get("cache-control"), headers.get("expires") !== null, Number(headers.get("age"))] as const;
  };
  expect(await freshness()).toEqual(["public, max-age=500", true, 100]);
  const [control, expires, age] = await freshness();
  expect([control, expires]).toEqual(["public, max-age=500", true]);
  expect(age).toBeGreaterThanOrEqual(100);
  expect(age).toBeLessThan(160);
});

test("a stale file is revalidated with its validators, and a 304 makes it fresh", async () => {
  setup.put(LATEST, "one");
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=0" });
  await setup.start();
  const first = await (await setup.get(LATEST)).response.text();
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=60" });
  const second = await setup.get(LATEST);
  expect([first, await second.response.text()]).toEqual(["one", "one"]);
  expect(second.cache).toBe("portcache; fwd=stale; fwd-status=304");
  const { headers } = setup.first.fileRequests(LATEST)[1]!;
  expect(headers["if-none-match"]).toMatch(/^"[0-9a-f]{32}"$/);
  expect(headers["if-modified-since"]).toBe(LAST_MODIFIED);
  expect((await setup.get(LATEST)).cache).toBe("portcache; hit");
  expect(setup.requests(LATEST)).toEqual([2, 0]);
});

test("a changed file replaces the old one", async () => {
  setup.put(LATEST, "one");
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=0" });
  await setup.start();
  const before = await setup.get(LATEST);
  setup.put(LATEST, "other");
  const after = await setup.get(LATEST);
  expect([after.cache, await after.response.text()]).toEqual(["portcache; fwd=stale; stored", "other"]);
  expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  expect(readFileSync(setup.storedPath(LATEST), "utf8")).toBe("other");
});

test("without a reachable mirror a stale file is served, unless must-revalidate forbids it", async () => {
  const strict = "/snapshots/strict.txt";
  setup.put(LATEST, "one");
  setup.put(strict, "one");
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=0" });
  setup.setHeaders(strict, { "Cache-Control": "max-age=0, must-revalidate" });
  await setup.start();
  await setup.get(LATEST);
  await setup.get(strict);
  await Promise.all([setup.first.close(), setup.second.close()]);
  const old = await setup.get(LATEST);
  expect([old.status, old.cache, await old.response.text()]).toEqual([200, "portcache; fwd=stale", "one"]);
  const again = await setup.get(LATEST);
  expect([again.status, again.cache]).toEqual([200, expect.stringMatching(/^portcache; hit; ttl=(0|-\d+)$/)]);
  const refused = await setup.get(strict);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([504, "30"]);
  expect((await setup.get(LATEST, { "cache-control": "no-cache" })).status).toBe(504);
});

test("404 is the answer only if every mirror says so, and is remembered; failures are not", async () => {
  await setup.start();
  const path = "/snapshots/none.txt";
  expect((await setup.get(path)).status).toBe(404);
  setup.put(path, "here now");
  expect((await setup.get(path)).status).toBe(404);
  expect((await setup.get(path, { "cache-control": "no-cache" })).status).toBe(200);
  const broken = "/snapshots/broken.txt";
  setup.first.setFault("*", { kind: "status", status: 503 });
  const trouble = await setup.get(broken);
  expect([trouble.status, trouble.headers.get("retry-after")]).toEqual([502, "30"]);
  setup.first.setFault("*");
  setup.put(broken, "mended");
  expect((await setup.get(broken)).status).toBe(200);
});

test("a file that all mirrors have removed is removed here, too", async () => {
  setup.put(LATEST, "one");
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=0" });
  await setup.start();
  await setup.get(LATEST);
  for (const mirror of [setup.first, setup.second]) mirror.files.delete(LATEST);
  expect((await setup.get(LATEST)).status).toBe(404);
  expect(existsSync(setup.storedPath(LATEST))).toBe(false);
});

test("many clients at once cause one request, and get bytes as they arrive", async () => {
  setup.put(STAGE, LARGE);
  setup.first.setFault(STAGE, { kind: "rate", bytesPerSecond: 20 * MIB });
  await setup.start();
  const answers = await Promise.all(Array.from({ length: 12 }, () => setup.get(STAGE)));
  expect(await Promise.all(answers.map(isLarge))).toEqual(Array.from({ length: 12 }, () => true));
  expect(answers.filter(({ cache }) => cache === "portcache; fwd=uri-miss; stored; collapsed").length).toBe(11);
  expect(setup.requests(STAGE)).toEqual([1, 0]);
});

test("a response that must not be stored is passed on and leaves nothing behind", async () => {
  await setup.start();
  for (const control of ["no-store", "private", "private, max-age=60"]) {
    setup.put(LATEST, control);
    setup.setHeaders(LATEST, { "Cache-Control": control });
    const answer = await setup.get(LATEST);
    expect([answer.cache, await answer.response.text()]).toEqual(["portcache; fwd=uri-miss", control]);
    expect(existsSync(setup.storedPath(LATEST))).toBe(false);
  }
  expect(setup.requests(LATEST)).toEqual([3, 0]);
  for (let i = 0; i < 100 && setup.parts().length > 0; i++) await Bun.sleep(20);
  expect(setup.parts()).toEqual([]);
});

test("paths are decoded once, and only files below the three folders can be requested", async () => {
  const odd = "/snapshots/a%2Fb c+d.tar";
  setup.put(odd, "odd");
  setup.put("/experimental/x86/y", "y");
  const server = await setup.start();
  expect(await (await setup.get("/snapshots//a%252Fb%20c%2Bd.tar")).response.text()).toBe("odd");
  expect(setup.first.fileRequests(odd)[0]!.path).toBe("/snapshots/a%252Fb%20c%2Bd.tar");
  expect(await (await setup.get("/experimental/x86/y?query=1")).response.text()).toBe("y");
  const statusOf = async (path: string) => (await setup.get(path)).status;
  for (const bad of ["/snapshots/a%2Fb", "/snapshots/%00", "/snapshots/a%5Cb", `/snapshots/${"x".repeat(256)}`]) {
    expect([bad, await statusOf(bad)]).toEqual([bad, 400]);
  }
  for (const none of ["/snapshots/", "/snapshots", "/releases/amd64/", "/other/x", "/snapshots/%2e%2e/x"]) {
    expect([none, await statusOf(none)]).toEqual([none, 404]);
  }
  const post = await setup.get("/snapshots/x", {}, "POST");
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect(server.url).toStartWith("http://127.0.0.1:");
});

test("ranges and conditional requests work on a stored file and during the download", async () => {
  setup.put(STAGE, LARGE);
  setup.first.setFault(STAGE, { kind: "rate", bytesPerSecond: 8 * MIB });
  await setup.start();
  const whole = setup.get(STAGE);
  const ahead = await setup.get(STAGE, { range: `bytes=${8 * MIB}-${8 * MIB + 99}` });
  expect([ahead.status, ahead.headers.get("content-range")]).toEqual([
    206,
    `bytes ${8 * MIB}-${8 * MIB + 99}/${9 * MIB + 5}`,
  ]);
  expect(Buffer.compare(await ahead.response.bytes(), readContent(LARGE, 8 * MIB, 8 * MIB + 100))).toBe(0);
  expect(await isLarge(await whole)).toBe(true);
  const hit = await setup.get(STAGE, {}, "HEAD");
  const etag = hit.headers.get("etag")!;
  expect([hit.status, hit.headers.get("content-length")]).toEqual([200, String(9 * MIB + 5)]);
  const tail = await setup.get(STAGE, { range: "bytes=-3", "if-range": etag });
  expect([tail.status, Buffer.compare(await tail.response.bytes(), readContent(LARGE).subarray(-3))]).toEqual([206, 0]);
  expect((await setup.get(STAGE, { "if-none-match": etag })).status).toBe(304);
  expect((await setup.get(STAGE, { "if-modified-since": LAST_MODIFIED })).status).toBe(304);
  expect((await setup.get(STAGE, { "if-match": '"other"' })).status).toBe(412);
  const beyond = await setup.get(STAGE, { range: `bytes=${10 * MIB}-` });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${9 * MIB + 5}`]);
  expect(setup.requests(STAGE)).toEqual([1, 0]);
});

test("HEAD downloads nothing, and says whether the stored file is current", async () => {
  setup.put(LATEST, "one");
  await setup.start();
  const absent = await setup.get(LATEST, {}, "HEAD");
  expect([absent.status, absent.headers.get("content-length"), absent.cache]).toEqual([
    200,
    "3",
    "portcache; fwd=uri-miss",
  ]);
  expect(existsSync(setup.storedPath(LATEST))).toBe(false);
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=0" });
  await (await setup.get(LATEST)).response.text();
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=60" });
  const same = await setup.get(LATEST, {}, "HEAD");
  expect([same.cache, same.headers.get("etag") !== null]).toEqual(["portcache; fwd=stale; fwd-status=304", true]);
  expect((await setup.get(LATEST)).cache).toBe("portcache; hit");
  expect(setup.first.fileRequests(LATEST).map(({ method }) => method)).toEqual(["HEAD", "GET", "HEAD"]);
});

test("a client's Cache-Control is obeyed", async () => {
  setup.put(LATEST, "one");
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=1000", Age: "200" });
  await setup.start();
  expect((await setup.get(LATEST, { "cache-control": "only-if-cached" })).status).toBe(504);
  await (await setup.get(LATEST)).response.text();
  const cacheOf = async (control: string) => (await setup.get(LATEST, { "cache-control": control })).cache;
  expect(await cacheOf("only-if-cached")).toBe("portcache; hit");
  expect(await cacheOf("max-age=300")).toBe("portcache; hit");
  expect(await cacheOf("min-fresh=700")).toBe("portcache; hit");
  const asked = "portcache; fwd=request; fwd-status=304";
  expect([await cacheOf("max-age=100"), await cacheOf("min-fresh=900"), await cacheOf("no-cache")]).toEqual([
    asked,
    asked,
    asked,
  ]);
  expect((await setup.get(LATEST, { pragma: "no-cache" })).cache).toBe(asked);
  setup.setHeaders(LATEST, { "Cache-Control": "max-age=0" });
  expect(await cacheOf("no-cache")).toBe(asked);
  expect(await cacheOf("max-stale=60")).toBe("portcache; hit");
  expect(setup.requests(LATEST)).toEqual([6, 0]);
});

test("empty files, and files whose size the mirror does not send, are stored like any other", async () => {
  setup.put(LATEST, "");
  setup.put(STAGE, LARGE);
  setup.first.setFault(STAGE, { kind: "chunked" });
  await setup.start();
  for (const [path, size] of [
    [LATEST, 0],
    [STAGE, 9 * MIB + 5],
  ] as const) {
    for (const cache of ["portcache; fwd=uri-miss; stored", "portcache; hit"]) {
      const answer = await setup.get(path);
      expect([answer.status, answer.cache, (await answer.response.bytes()).length]).toEqual([200, cache, size]);
    }
  }
});

test("a compressed file may have a Content-Encoding, and a request that loops back is refused", async () => {
  const packed = `${STAGE}.CONTENTS.gz`;
  setup.put(packed, "packed");
  setup.put(LATEST, "one");
  setup.setHeaders(packed, { "Content-Encoding": "x-gzip" });
  setup.setHeaders(LATEST, { "Content-Encoding": "gzip" });
  await setup.start();
  const { response, headers } = await setup.get(packed);
  expect([await response.text(), headers.get("content-encoding")]).toEqual(["packed", null]);
  expect((await setup.get(LATEST)).status).toBe(502);
  const { via = "", "cdn-loop": loop = "" } = setup.first.fileRequests(packed)[0]!.headers;
  expect((await setup.get(packed, { via })).status).toBe(508);
  expect((await setup.get(packed, { "cdn-loop": loop })).status).toBe(508);
});

test("after a lost index a file is revalidated before it is used, and used where no mirror can be asked", async () => {
  setup.put(LATEST, "one");
  setup.put(STAGE, LARGE);
  const server = await setup.start();
  for (const path of [LATEST, STAGE]) await (await setup.get(path)).response.bytes();
  const etag = (await setup.get(STAGE)).headers.get("etag");
  await server.stop();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(setup.storedPath(`/index.sqlite${suffix}`), { force: true });
  await setup.start();
  const again = await setup.get(STAGE);
  expect([again.cache, again.headers.get("etag")]).toEqual(["portcache; fwd=stale; fwd-status=304", etag]);
  expect(await isLarge(again)).toBe(true);
  await Promise.all([setup.first.close(), setup.second.close()]);
  const old = await setup.get(LATEST);
  expect([old.cache, await old.response.text()]).toEqual(["portcache; fwd=stale", "one"]);
});

test("the API lists a mirror file with its uses and describes it, and it can be dropped", async () => {
  setup.put(LATEST, "one");
  const server = await setup.start();
  await (await setup.get(LATEST)).response.text();
  const name = LATEST.slice(1);
  const api = async (path: string) => await (await fetch(`${server.url}/api/v1/${path}`)).json();
  expect(await api("files?q=LATEST")).toMatchObject({ total: 1, total_bytes: 3, files: [{ name, size: 3 }] });
  expect(await api(`files/${encodeURIComponent(name)}`)).toMatchObject({
    name,
    state: "stored",
    stored: { path: setup.storedPath(LATEST), verification: "unverified" },
  });
  expect(await server.actions.drop({ names: [name, "snapshots/none"] }, UNATTENDED)).toMatchObject({
    dropped: [{ name, size: 3 }],
    absent: ["snapshots/none"],
  });
  expect(existsSync(setup.storedPath(LATEST))).toBe(false);
});
