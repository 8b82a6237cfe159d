/**
 * Requests files that the store cannot take: every client still gets its complete file, nothing half-written stays, and memory is
 * bounded. scripts/full-disk.test.ts does the same with a real disk.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer, UNATTENDED } from "../testing/server.ts";
import { distfilePath, untilStored } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const MIB = 1024 * 1024;
const dist: Record<string, Content> = {
  "tiny.zip": { size: 10_000, seed: 1 },
  "small.zip": { size: 3 * MIB, seed: 2 },
  "large.zip": { size: 24 * MIB + 777, seed: 3 },
};

let folder: TempFolder;
let mirrors: FakeUpstream[];
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  mirrors = await Promise.all([0, 1].map(() => startFakeUpstream({ files: new Map(Object.entries(dist)) })));
  writeRepository(folder.file("repository")).put("app-misc/some", { dist });
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await Promise.all(mirrors.map((mirror) => mirror.close()));
  folder.remove();
});

async function start(settings: Readonly<Record<string, string>>): Promise<string> {
  const urls = mirrors.map(({ url }) => url);
  const location = folder.file("store");
  server = await startServer({ location, mirrors: urls, repos: [folder.file("repository")], settings });
  await server.settled;
  return server.url;
}

async function get(url: string, name: string, range?: string): Promise<Response> {
  return await fetch(`${url}/distfiles/${name}`, { decompress: false, headers: range === undefined ? {} : { range } });
}

async function expectRight(response: Response, name: string, start = 0): Promise<void> {
  const content = dist[name]!;
  expect([name, Buffer.compare(await response.bytes(), readContent(content, start))]).toEqual([name, 0]);
}

const isStored = (name: string) => existsSync(folder.file(`store${distfilePath(name)}`));
const parts = () => readdirSync(folder.file("store/partial"));
const health = async (url: string) => await (await fetch(`${url}/healthz`)).text();

test("files larger than max_size are passed on, also to many clients at once, and smaller ones stored", async () => {
  const url = await start({ "storage.max_size": "1MiB", "storage.min_free": "0" });
  for (const name of Object.keys(dist)) {
    const answers = await Promise.all(Array.from({ length: 6 }, () => get(url, name)));
    await Promise.all(answers.map((answer) => expectRight(answer, name)));
    const status = answers[0]!.headers.get("cache-status");
    expect([name, status]).toEqual([name, `portcache; fwd=uri-miss${name === "tiny.zip" ? "; stored" : ""}`]);
    if (name === "tiny.zip") await untilStored(`${url}/distfiles/${name}`);
    expect([name, isStored(name)]).toEqual([name, name === "tiny.zip"]);
  }
  expect(parts()).toEqual([]);
  expect(await health(url)).toBe("ok\n");
});

test("ranges of a file that cannot be stored are right, also far ahead", async () => {
  const url = await start({ "storage.max_size": "1MiB", "storage.min_free": "0" });
  for (const [range, from] of [
    ["bytes=5-", 5],
    [`bytes=${20 * MIB}-`, 20 * MIB],
  ] as const) {
    const answer = await get(url, "large.zip", range);
    expect(answer.status).toBe(206);
    await expectRight(answer, "large.zip", from);
  }
});

test("if min_free cannot be reached, every file is passed on and the server is degraded", async () => {
  const url = await start({ "storage.min_free": "100TiB" });
  for (const name of Object.keys(dist)) await expectRight(await get(url, name), name);
  expect(Object.keys(dist).filter(isStored)).toEqual([]);
  expect(await health(url)).toStartWith("degraded: the store takes no files");
});

test("a client that joins late gets a stream of its own, and a paused client does not block it", async () => {
  const url = await start({ "storage.max_size": "1MiB", "storage.min_free": "0", "fetcher.stall_timeout": "20s" });
  for (const mirror of mirrors) mirror.setFault("large.zip", { kind: "rate", bytesPerSecond: 12 * MIB });
  const early = await get(url, "large.zip");
  const reader = early.body!.getReader();
  let seen = 0;
  while (seen < 8 * MIB) seen += (await reader.read()).value?.length ?? 0;
  const late = await get(url, "large.zip");
  await expectRight(late, "large.zip");
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) seen += piece.value.length;
  expect(seen).toBe(24 * MIB + 777);
});

test("a download that cannot be stored ends with its last client", async () => {
  const url = await start({ "storage.max_size": "1MiB", "storage.min_free": "0", "fetcher.stall_timeout": "20s" });
  for (const mirror of mirrors) mirror.setFault("large.zip", { kind: "rate", bytesPerSecond: 4 * MIB });
  const leaving = new AbortController();
  const answer = await fetch(`${url}/distfiles/large.zip`, { signal: leaving.signal });
  await answer.body!.getReader().read();
  leaving.abort();
  await Bun.sleep(2000);
  const sent = () => mirrors.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  const before = sent();
  await Bun.sleep(1000);
  expect(sent() - before).toBeLessThan(MIB);
});

test("fetch reports a file that cannot be stored instead of waiting for a client", async () => {
  await start({ "storage.max_size": "1MiB", "storage.min_free": "0" });
  const report = await server?.actions.fetch({ names: Object.keys(dist), packages: [] }, UNATTENDED);
  expect(report?.results.map(({ name, outcome, reason }) => [name, outcome, reason]).sort()).toEqual([
    ["large.zip", "failed", "this server: cannot store it, and nobody waits for it"],
    ["small.zip", "failed", "was fetched, but the store could not keep it"],
    ["tiny.zip", "fetched", null],
  ]);
});

test("a slow client of a file that cannot be stored blocks no other client", async () => {
  const url = await start({ "storage.max_size": "1MiB", "storage.min_free": "0", "fetcher.max_downloads": "1" });
  const slow = (await get(url, "large.zip")).body?.getReader();
  await slow?.read();
  await expectRight(await get(url, "tiny.zip"), "tiny.zip");
  await slow?.cancel();
});

test("a download that cannot be stored fails over after a reset and after wrong bytes", async () => {
  const url = await start({ "storage.max_size": "1MiB", "storage.min_free": "0" });
  for (const mirror of mirrors) mirror.setFault("large.zip", { kind: "reset", at: 9 * MIB, times: 1 });
  await expectRight(await get(url, "large.zip"), "large.zip");
  mirrors[0]!.setFault("small.zip", { kind: "corrupt", at: 5 });
  for (let i = 0; i < 3; i++) await expectRight(await get(url, "small.zip"), "small.zip");
});

test("a full store removes less used files for a new one", async () => {
  const url = await start({ "storage.max_size": "25MiB", "storage.min_free": "0" });
  await expectRight(await get(url, "small.zip"), "small.zip");
  await untilStored(`${url}/distfiles/small.zip`);
  await Bun.sleep(1100);
  await expectRight(await get(url, "large.zip"), "large.zip");
  await untilStored(`${url}/distfiles/large.zip`);
  expect([isStored("small.zip"), isStored("large.zip")]).toEqual([false, true]);
  const path = folder.file(`store${distfilePath("large.zip")}`);
  expect(Buffer.compare(readFileSync(path), readContent(dist["large.zip"]!))).toBe(0);
});
