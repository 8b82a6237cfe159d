/**
 * Tests mirrors that are synced at different times: clients get a file, its digests and its signature of one time, nothing becomes
 * older again, and no file is put together from two.
 */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type Content, readContent } from "../testing/content.ts";
import { UNATTENDED } from "../testing/server.ts";
import { startTwoMirrors, type TwoMirrors } from "../testing/two-mirrors.ts";

const MIB = 1024 * 1024;
const FILE = "/snapshots/gentoo-latest.tar.xz";
const SUM = `${FILE}.md5sum`;
const SIGNATURE = `${FILE}.gpgsig`;
const OLD: Content = { size: 6 * MIB, seed: 1 };
const NEW: Content = { size: 6 * MIB, seed: 2 };
const YESTERDAY = "Mon, 01 Jan 2024 03:04:05 GMT";

let setup: TwoMirrors;

beforeEach(async () => {
  setup = await startTwoMirrors();
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const md5Line = (content: Content) =>
  `${createHash("md5").update(readContent(content)).digest("hex")}  gentoo-latest.tar.xz\n`;
const text = async (path: string, headers: Record<string, string> = {}) =>
  await (await setup.get(path, headers)).response.text();
const isAll = async (path: string, content: Content) =>
  Buffer.compare(await (await setup.get(path)).response.bytes(), readContent(content)) === 0;

test("a file, its digests and its signature come from one mirror", async () => {
  for (const path of [SUM, SIGNATURE, FILE]) setup.put(path, `${path} of the second`, setup.second);
  setup.put(SIGNATURE, "of the first", setup.first);
  await setup.start({ "fetcher.strategy": "round-robin" });
  // The first mirror has no digest file, so the second sent it, and is asked first from then on.
  expect(await text(SUM)).toBe(`${SUM} of the second`);
  expect(await text(SIGNATURE)).toBe(`${SIGNATURE} of the second`);
  expect(await text(FILE)).toBe(`${FILE} of the second`);
  expect([setup.requests(SIGNATURE), setup.requests(FILE)]).toEqual([
    [0, 1],
    [0, 1],
  ]);
});

test("a changed file has its companions revalidated", async () => {
  setup.put(FILE, OLD);
  setup.put(SUM, md5Line(OLD));
  setup.setHeaders(SUM, { "Cache-Control": "max-age=1000" });
  setup.setHeaders(FILE, { "Cache-Control": "max-age=1000" });
  await setup.start();
  expect(await isAll(FILE, OLD)).toBe(true);
  expect(await text(SUM)).toBe(md5Line(OLD));
  // The digest file came after the file, which may have changed meanwhile: it is revalidated once, then both are fresh.
  const caches = async () => [(await setup.get(FILE)).cache, (await setup.get(SUM)).cache];
  expect(await caches()).toEqual(["portcache; fwd=stale; fwd-status=304", "portcache; hit"]);
  expect(await caches()).toEqual(["portcache; hit", "portcache; hit"]);
  setup.put(FILE, NEW);
  setup.put(SUM, md5Line(NEW));
  expect(await text(SUM, { "cache-control": "no-cache" })).toBe(md5Line(NEW));
  expect(await isAll(FILE, NEW)).toBe(true);
});

test("a mirror that was synced earlier does not replace a newer file", async () => {
  setup.put(FILE, "new");
  setup.put(FILE, "old", setup.second);
  setup.second.lastModified.set(FILE, YESTERDAY);
  setup.setHeaders(FILE, { "Cache-Control": "max-age=0" });
  setup.second.setFault(FILE);
  await setup.start();
  expect(await text(FILE)).toBe("new");
  await setup.first.close();
  // A mirror that compares dates has none newer; one that wants the exact date sends its own file.
  const current = await setup.get(FILE);
  expect([current.cache, await current.response.text()]).toEqual(["portcache; fwd=stale; fwd-status=304", "new"]);
  setup.second.setFault(FILE, { kind: "unconditional" });
  const answer = await setup.get(FILE, { "cache-control": "max-age=0" });
  expect([answer.cache, await answer.response.text()]).toEqual(["portcache; fwd=stale", "new"]);
  expect(readFileSync(setup.storedPath(FILE), "utf8")).toBe("new");
});

test("a mirror that stays silent is not waited for", async () => {
  const dated = "/snapshots/gentoo-20260821.tar.xz";
  setup.put(dated, "dated");
  setup.first.setFault(dated, { kind: "stall-headers" });
  // Longer than the test may take.
  await setup.start({ "fetcher.stall_timeout": "120s" });
  expect(await text(dated)).toBe("dated");
  expect(setup.requests(dated)).toEqual([1, 1]);
});

test("a slow mirror is waited for where it gave the companions of the file", async () => {
  setup.put(SUM, "sum");
  setup.put(FILE, "of the first", setup.first);
  setup.put(FILE, "of the second", setup.second);
  setup.first.setFault(FILE, { kind: "latency", ms: 1500 });
  await setup.start({ "fetcher.stall_timeout": "20s" });
  expect(await text(SUM)).toBe("sum");
  expect(await text(FILE)).toBe("of the first");
  expect(setup.requests(FILE)).toEqual([1, 0]);
});

test("an interrupted transfer resumes at a mirror with the same size and date, whatever its ETag", async () => {
  setup.put(FILE, OLD);
  setup.first.setFault(FILE, { kind: "reset", at: 5 * MIB });
  setup.second.setFault(FILE, { kind: "headers", headers: { ETag: '"of-the-second"' } });
  await setup.start();
  const answer = await setup.get(FILE);
  expect(answer.cache).toBe("portcache; fwd=uri-miss; stored");
  expect(Buffer.compare(await answer.response.bytes(), readContent(OLD))).toBe(0);
  const [rest] = setup.second.fileRequests(FILE);
  expect([rest?.range, rest?.headers["if-range"]]).toEqual([
    expect.stringMatching(/^bytes=\d{7}-$/),
    "Tue, 02 Jan 2024 03:04:05 GMT",
  ]);
  expect((await setup.get(FILE)).cache).toBe("portcache; hit");
});

test("an interrupted transfer is never completed with another file: it is reset, and the next one is complete", async () => {
  setup.put(FILE, OLD, setup.first);
  setup.put(FILE, NEW, setup.second);
  setup.second.lastModified.set(FILE, YESTERDAY);
  setup.first.setFault(FILE, { kind: "reset", at: 5 * MIB });
  await setup.start();
  const broken = await setup.get(FILE);
  await expect(broken.response.bytes()).rejects.toThrow();
  expect(existsSync(setup.storedPath(FILE))).toBe(false);
  await setup.first.close();
  expect(await isAll(FILE, NEW)).toBe(true);
  expect(Buffer.compare(readFileSync(setup.storedPath(FILE)), readContent(NEW))).toBe(0);
});

test("a file that does not match its digest file is fetched from another mirror", async () => {
  const right: Content = { size: MIB, seed: 3 };
  const wrong: Content = { size: MIB, seed: 4 };
  setup.put(SUM, md5Line(right));
  setup.put(FILE, wrong, setup.first);
  setup.put(FILE, right, setup.second);
  await setup.start();
  await text(SUM);
  expect(await isAll(FILE, right)).toBe(true);
  expect(setup.requests(FILE)).toEqual([1, 1]);
  expect(Buffer.compare(readFileSync(setup.storedPath(FILE)), readContent(right))).toBe(0);
  // It was late with one file only, so it is asked for the next.
  setup.put("/snapshots/other", "other");
  await text("/snapshots/other");
  expect(setup.requests("/snapshots/other")).toEqual([1, 0]);
});

test("if no mirror has a file that matches the digest file, none is served or stored", async () => {
  setup.put(SUM, md5Line(OLD));
  setup.put(FILE, { size: MIB, seed: 5 });
  await setup.start();
  await text(SUM);
  const answer = await setup.get(FILE);
  expect([answer.status, await answer.response.text()]).toEqual([502, expect.stringContaining("does not match its ")]);
  expect(existsSync(setup.storedPath(FILE))).toBe(false);
});

test("a digest file that is older than the file at the same mirror does not count against it", async () => {
  const small: Content = { size: MIB, seed: 6 };
  setup.put(SUM, md5Line(OLD));
  setup.setHeaders(SUM, { "Cache-Control": "max-age=1000" });
  setup.put(FILE, small);
  await setup.start();
  await text(SUM);
  setup.put(SUM, md5Line(small));
  expect(await isAll(FILE, small)).toBe(true);
  const sum = await setup.get(SUM);
  expect([sum.cache, await sum.response.text()]).toEqual(["portcache; fwd=stale; stored", md5Line(small)]);
});

const IN_A_WEEK = new Date(Date.now() + 7 * 24 * 60 * 60 * 1000).toUTCString();
const cached = async (headers: Record<string, string> = {}) => {
  const { status, cache, response } = await setup.get(FILE, headers);
  return [status, cache, await response.text()];
};

test("a mirror whose clock is ahead pins nothing: what others have replaces its file", async () => {
  await setup.start();
  for (const [i, date] of [{}, { Date: IN_A_WEEK }].entries()) {
    const path = `/snapshots/${i}.tar.xz`;
    setup.put(path, "pinned", setup.first);
    setup.put(path, "current", setup.second);
    setup.second.lastModified.set(path, YESTERDAY);
    const headers = { ...date, "Last-Modified": IN_A_WEEK, "Cache-Control": "max-age=0" };
    setup.first.setFault(path, { kind: "headers", headers });
    expect(await text(path)).toBe("pinned");
    setup.first.setFault(path, { kind: "status", status: 500 });
    expect(await text(path, { "cache-control": "no-cache" })).toBe("current");
    expect(await text(path)).toBe("current");
  }
});

test("a date in the future that an earlier version kept binds nobody", async () => {
  setup.put(FILE, "pinned", setup.first);
  setup.put(FILE, "current", setup.second);
  setup.second.lastModified.set(FILE, YESTERDAY);
  await setup.start();
  expect(await text(FILE)).toBe("pinned");
  const index = new Database(setup.storedPath("/index.sqlite"));
  index.run("UPDATE http_metadata SET last_modified = ?", [IN_A_WEEK]);
  index.close();
  setup.first.setFault(FILE, { kind: "status", status: 500 });
  expect(await text(FILE, { "cache-control": "no-cache" })).toBe("current");
});

test("what a mirror said binds nobody once it is not configured any more", async () => {
  setup.put(FILE, "pinned", setup.first);
  setup.put(FILE, "current", setup.second);
  setup.second.lastModified.set(FILE, YESTERDAY);
  setup.first.setFault(FILE, { kind: "headers", headers: { "Cache-Control": "max-age=99999999999" } });
  await setup.start();
  expect(await text(FILE)).toBe("pinned");
  expect(await cached()).toEqual([200, "portcache; hit", "pinned"]);
  await setup.start({ "fetcher.mirrors": setup.second.url });
  expect(await text(FILE)).toBe("current");
  expect(await cached({ "cache-control": "no-cache" })).toEqual([
    200,
    "portcache; fwd=request; fwd-status=304",
    "current",
  ]);
});

test("a file of a mirror that is not configured any more is served while no other can be reached", async () => {
  setup.put(FILE, "kept");
  await setup.start();
  expect(await text(FILE)).toBe("kept");
  setup.second.setFault(FILE, { kind: "status", status: 500 });
  await setup.start({ "fetcher.mirrors": setup.second.url });
  expect(await text(FILE)).toBe("kept");
});

test("a mirror file is dropped by its path", async () => {
  setup.put(FILE, "kept");
  const server = await setup.start();
  expect(await text(FILE)).toBe("kept");
  const dropped = await server.actions.drop({ names: [FILE.slice(1)] }, UNATTENDED);
  expect([dropped.files, existsSync(setup.storedPath(FILE))]).toEqual([1, false]);
  expect(await cached()).toEqual([200, "portcache; fwd=uri-miss; stored", "kept"]);
});
