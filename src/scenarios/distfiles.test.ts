/**
 * Tests what docs/http.md and docs/sources.md promise of distfiles, through the whole server: one download for many clients,
 * ranges and validators on files coming in, absence and failure, unknown names, stale files, and what survives a restart.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { FLAT, formatLayoutConf, nameHash } from "../distfile/layout.ts";
import { type Content, digestsOf, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { distfilePath, untilStored } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const small = { size: 200_000, seed: 1 };
const large = { size: 12 * 1024 * 1024, seed: 2 };
const other = { size: 200_000, seed: 3 };
const unknown = { size: 150_000, seed: 4 };

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: { "small.zip": small, "large.zip": large, "nowhere.zip": other } });
  mirror = await startFakeUpstream({
    files: new Map<string, Content>([
      ["small.zip", small],
      ["large.zip", large],
      ["unknown.zip", unknown],
    ]),
  });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await mirror.close();
  folder.remove();
});

async function start(
  settings: Record<string, string> = {},
  mirrors = [mirror.url],
  repos = [repository.location],
): Promise<string> {
  await server?.stop();
  server = await startServer({ location: folder.file("store"), mirrors, repos, settings });
  await server.settled;
  return `${server.url}/distfiles`;
}

function pathOf(name: string): string {
  return folder.file(`store${distfilePath(name)}`);
}

async function right(response: Response, content: Content): Promise<boolean> {
  return Buffer.compare(await response.bytes(), readContent(content)) === 0;
}

const statusOf = (response: Response) => response.headers.get("cache-status");

test("a miss is fetched, verified and stored, then hit, with the same validators throughout", async () => {
  const base = await start();
  const cold = await fetch(`${base}/small.zip`);
  expect([cold.status, statusOf(cold), cold.headers.get("content-length")]).toEqual([
    200,
    "portcache; fwd=uri-miss; stored",
    "200000",
  ]);
  expect(await right(cold, small)).toBe(true);
  await untilStored(`${server?.url}/distfiles/small.zip`);
  expect(existsSync(pathOf("small.zip"))).toBe(true);
  const warm = await fetch(server?.url + distfilePath("small.zip"));
  expect(statusOf(warm)).toBe("portcache; hit");
  expect(await right(warm, small)).toBe(true);
  for (const header of ["etag", "last-modified", "content-type", "accept-ranges"]) {
    expect([header, warm.headers.get(header)]).toEqual([header, cold.headers.get(header)]);
  }
  expect(warm.headers.get("last-modified")).toBe(statSync(pathOf("small.zip")).mtime.toUTCString());
  expect(statSync(pathOf("small.zip")).mode & 0o777).toBe(0o644);
  expect(mirror.fileRequests("small.zip").length).toBe(1);
  expect(mirror.fileRequests("layout.conf").length).toBe(1);
});

test("many clients at once share one upstream request, whenever they begin", async () => {
  mirror.setFault("large.zip", { kind: "rate", bytesPerSecond: 20e6 });
  const base = await start();
  const clients = Array.from({ length: 20 }, async (_, i) => {
    await Bun.sleep(i * 10);
    return await right(await fetch(`${base}/large.zip`), large);
  });
  expect(await Promise.all(clients)).toEqual(clients.map(() => true));
  expect(mirror.fileRequests("large.zip").length).toBe(1);
});

test("a download continues after its clients have left", async () => {
  mirror.setFault("large.zip", { kind: "rate", bytesPerSecond: 30e6 });
  const base = await start();
  const leaver = new AbortController();
  const response = await fetch(`${base}/large.zip`, { signal: leaver.signal });
  await response.body?.getReader().read();
  leaver.abort();
  while (!existsSync(pathOf("large.zip"))) await Bun.sleep(20);
  const warm = await fetch(`${base}/large.zip`);
  expect(statusOf(warm)).toBe("portcache; hit");
  expect(await right(warm, large)).toBe(true);
  expect(mirror.fileRequests("large.zip").length).toBe(1);
});

test("ranges and validators work on a file that is being downloaded, without another request upstream", async () => {
  mirror.setFault("large.zip", { kind: "rate", bytesPerSecond: 20e6 });
  const base = await start();
  const whole = await fetch(`${base}/large.zip`);
  const etag = whole.headers.get("etag") ?? "";
  const range = async (headers: Record<string, string>) => {
    const response = await fetch(`${base}/large.zip`, { headers });
    return { status: response.status, range: response.headers.get("content-range"), bytes: await response.bytes() };
  };
  const [ahead, suffix, applies, lapsed, beyond, unchanged] = await Promise.all([
    range({ range: "bytes=9000000-9000099" }),
    range({ range: "bytes=-100" }),
    range({ range: "bytes=5-6", "if-range": etag }),
    range({ range: "bytes=5-6", "if-range": '"other"' }),
    range({ range: `bytes=${large.size}-` }),
    range({ "if-none-match": etag }),
  ]);
  expect([ahead.status, ahead.range]).toEqual([206, `bytes 9000000-9000099/${large.size}`]);
  expect(Buffer.compare(ahead.bytes, readContent(large, 9_000_000, 9_000_100))).toBe(0);
  expect(Buffer.compare(suffix.bytes, readContent(large, large.size - 100))).toBe(0);
  expect([applies.status, lapsed.status, lapsed.bytes.length]).toEqual([206, 200, large.size]);
  expect([beyond.status, beyond.range]).toEqual([416, `bytes */${large.size}`]);
  expect(unchanged.status).toBe(304);
  const head = await fetch(`${base}/large.zip`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), head.headers.get("etag")]).toEqual([
    200,
    `${large.size}`,
    etag,
  ]);
  expect(await right(whole, large)).toBe(true);
  expect(mirror.fileRequests("large.zip").length).toBe(1);
});

test("HEAD of a file that is not stored asks upstream by HEAD and downloads nothing", async () => {
  const base = await start();
  const head = await fetch(`${base}/large.zip`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(large.size)]);
  expect(head.headers.get("etag")).toBe(`"${digestsOf(large).blake2b.slice(0, 32)}"`);
  expect(mirror.fileRequests("large.zip").map(({ method }) => method)).toEqual(["HEAD"]);
  expect((await fetch(`${base}/nowhere.zip`, { method: "HEAD" })).status).toBe(404);
  expect(existsSync(pathOf("large.zip"))).toBe(false);
});

test("404 names the sources asked and the packages that want the file, and is remembered until a repository changes", async () => {
  const base = await start();
  const first = await fetch(`${base}/nowhere.zip`);
  const text = await first.text();
  expect(first.status).toBe(404);
  expect(text).toContain(mirror.url);
  expect(text).toContain("app-misc/one");
  await fetch(`${base}/nowhere.zip`);
  expect(
    mirror.fileRequests("nowhere.zip").length + mirror.requests.filter(({ path }) => path.includes("nowhere")).length,
  ).toBe(1);
  repository.put("app-misc/two", { dist: { "nowhere.zip": small } });
  repository.markSynced();
  mirror.files.set("nowhere.zip", other);
  const found = await fetch(`${base}/nowhere.zip`);
  expect(await right(found, other)).toBe(true);
});

test("a failure is 502 and a time-out 504, neither is remembered", async () => {
  const base = await start();
  mirror.setFault("small.zip", { kind: "status", status: 503 });
  const failed = await fetch(`${base}/small.zip`);
  expect([failed.status, failed.headers.has("retry-after")]).toEqual([502, true]);
  mirror.setFault("small.zip", { kind: "stall-headers" });
  const late = await fetch(`${base}/small.zip`);
  expect([late.status, late.headers.has("retry-after")]).toEqual([504, true]);
  mirror.setFault("small.zip");
  expect(await right(await fetch(`${base}/small.zip`), small)).toBe(true);
});

test("an unknown name is served unverified, is verified once a repository knows it, and may be denied", async () => {
  let base = await start();
  expect(await right(await fetch(`${base}/unknown.zip`), unknown)).toBe(true);
  expect(statusOf(await fetch(`${base}/unknown.zip`))).toBe("portcache; hit");
  repository.put("app-misc/three", { dist: { "unknown.zip": other } });
  mirror.files.set("unknown.zip", other);
  await start();
  base = `${server?.url}/distfiles`;
  const refetched = await fetch(`${base}/unknown.zip`);
  expect(statusOf(refetched)).toBe("portcache; fwd=stale; stored");
  expect(await right(refetched, other)).toBe(true);
  base = await start({ "fetcher.unknown": "deny" });
  mirror.files.set("never.zip", small);
  expect((await fetch(`${base}/never.zip`)).status).toBe(404);
  expect(mirror.requests.some(({ path }) => path.includes("never.zip"))).toBe(false);
});

test("a partial download resumes after a restart", async () => {
  mirror.setFault("large.zip", { kind: "stall", at: 7_000_000 });
  let base = await start({ "fetcher.stall_timeout": "60s" });
  const response = await fetch(`${base}/large.zip`);
  const reader = response.body?.getReader();
  for (let got = 0; got < 6_500_000; ) got += (await reader?.read())?.value?.length ?? Number.POSITIVE_INFINITY;
  await server?.stop();
  mirror.setFault("large.zip");
  base = await start();
  expect(await right(await fetch(`${base}/large.zip`), large)).toBe(true);
  expect(mirror.fileRequests("large.zip").at(-1)?.range).toMatch(/^bytes=[67]\d{6}-$/);
});

test("a damaged part file is detected, and the download starts over", async () => {
  await start();
  await server?.stop();
  writeFileSync(folder.file("store/partial/large.zip"), Buffer.alloc(5_000_000, 1));
  const base = await start();
  const outcome = await fetch(`${base}/large.zip`)
    .then(
      (response) => right(response, large),
      () => "broken off",
    )
    .catch(() => "broken off");
  if (outcome !== true) expect(await right(await fetch(`${base}/large.zip`), large)).toBe(true);
  await untilStored(`${base}/large.zip`);
  expect(Buffer.compare(readFileSync(pathOf("large.zip")), readContent(large))).toBe(0);
});

test("if the index is lost or overwritten, the files are still hits", async () => {
  await start();
  await fetch(`${server?.url}/distfiles/small.zip`).then((response) => response.bytes());
  for (const damage of [
    () => rmSync(folder.file("store/index.sqlite")),
    () => writeFileSync(folder.file("store/index.sqlite"), "garbage ".repeat(9000)),
  ]) {
    await server?.stop();
    damage();
    const base = await start({ "log.level": "error" });
    const response = await fetch(`${base}/small.zip`);
    expect(statusOf(response)).toBe("portcache; hit");
    expect(await right(response, small)).toBe(true);
  }
  expect(mirror.fileRequests("small.zip").length).toBe(1);
});

test("if the index is lost, a file that was changed meanwhile is never served, however early it is requested", async () => {
  await start();
  await fetch(`${server?.url}/distfiles/small.zip`).then((response) => response.bytes());
  await server?.stop();
  rmSync(folder.file("store/index.sqlite"));
  writeFileSync(pathOf("small.zip"), "another file");
  expect(await right(await fetch(`${await start()}/small.zip`), small)).toBe(true);
});

test("a stored file that is damaged on disk is fetched again, never served", async () => {
  const base = await start();
  await fetch(`${base}/small.zip`).then((response) => response.bytes());
  await untilStored(`${base}/small.zip`);
  const bytes = readFileSync(pathOf("small.zip"));
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  writeFileSync(pathOf("small.zip"), bytes);
  const response = await fetch(`${base}/small.zip`);
  expect(statusOf(response)).toBe("portcache; fwd=stale; stored");
  expect(await right(response, small)).toBe(true);
  await untilStored(`${base}/small.zip`);
  rmSync(pathOf("small.zip"));
  expect(await right(await fetch(`${base}/small.zip`), small)).toBe(true);
  await untilStored(`${base}/small.zip`);
  renameSync(pathOf("small.zip"), folder.file("away"));
  expect(statusOf(await fetch(`${base}/small.zip`))).toBe("portcache; fwd=uri-miss; stored");
});

test("of two files with one name, each is served by content hash, and the first repository's by name", async () => {
  const second = writeRepository(folder.file("second"), { name: "overlay" });
  second.put("app-misc/own", { dist: { "small.zip": other } });
  const twin = await startFakeUpstream({ files: new Map([["small.zip", other]]) });
  const base = await start(
    { "fetcher.strategy": "ordered" },
    [twin.url, mirror.url],
    [repository.location, second.location],
  );
  const { sha512, blake2b } = digestsOf(other);
  expect(await right(await fetch(`${base}/small.zip`), small)).toBe(true);
  const byDigest = await fetch(`${base}/${blake2b.slice(0, 2)}/${blake2b}`);
  // It is not stored, as the name belongs to the other one, which is not outdated.
  expect([await right(byDigest, other), statusOf(byDigest)]).toEqual([true, "portcache; fwd=uri-miss"]);
  expect(await right(await fetch(`${base}/${sha512.slice(0, 2)}/${sha512.slice(2, 4)}/${sha512}`), other)).toBe(true);
  expect(statusOf(await fetch(`${base}/small.zip`))).toBe("portcache; hit");
  const wanted = digestsOf(small).sha512;
  expect(statusOf(await fetch(`${base}/${wanted.slice(0, 2)}/${wanted}`))).toBe("portcache; hit");
  expect((await fetch(`${base}/00/${"0".repeat(128)}`)).status).toBe(404);
  expect((await fetch(`${base}/01/${wanted}`)).status).toBe(404);
  await twin.close();
});

test("each mirror is asked by its own layout", async () => {
  const sha512 = nameHash("SHA512", "small.zip");
  const layouts: [string | null, string][] = [
    [null, "/distfiles/small.zip"],
    [formatLayoutConf([FLAT]), "/distfiles/small.zip"],
    ["[structure]\n0=filename-hash SHA512 4:8\n", `/distfiles/${sha512.slice(0, 1)}/${sha512.slice(1, 3)}/small.zip`],
    [
      "[structure]\n0=content-hash BLAKE2B 8\n1=flat\n",
      `/distfiles/${digestsOf(small).blake2b.slice(0, 2)}/${digestsOf(small).blake2b}`,
    ],
  ];
  for (const [layoutConf, path] of layouts) {
    const upstream = await startFakeUpstream({ files: new Map([["small.zip", small]]), layoutConf });
    const base = await start({}, [`${upstream.url}/`]);
    expect(await right(await fetch(`${base}/small.zip`), small)).toBe(true);
    expect(upstream.fileRequests("small.zip").map((request) => request.path)).toEqual([path]);
    await untilStored(`${base}/small.zip`);
    rmSync(pathOf("small.zip"));
    await upstream.close();
  }
});

test("bad names are 400, other methods 405, loops 508, clients not allowed 403, and healthz always answers", async () => {
  const base = await start({ "server.allow": "192.0.2.0/24" });
  const ask = async (path: string, init?: RequestInit) => (await fetch(`${base}${path}`, init)).status;
  expect(await ask("/")).toBe(400);
  expect(await ask("/a%2Fb")).toBe(400);
  expect(await ask("/%00")).toBe(400);
  expect(await ask("/00/small.zip")).toBe(404);
  const post = await fetch(`${base}/small.zip`, { method: "POST", body: "x" });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  await fetch(`${base}/small.zip`).then((response) => response.bytes());
  const sent = mirror.fileRequests("small.zip")[0]?.headers ?? {};
  expect(await ask("/small.zip", { headers: { via: sent["via"] ?? "" } })).toBe(508);
  expect(await ask("/small.zip", { headers: { "cdn-loop": sent["cdn-loop"] ?? "" } })).toBe(508);
  expect(await ask("/small.zip", { headers: { via: "1.1 portcache-0123456789abcdef" } })).toBe(200);
  expect(await (await fetch(`${server?.url}/healthz`)).text()).toBe("ok\n");
});

test("two servers in a chain deliver, and two that name each other do not loop", async () => {
  const base = await start();
  await using near = await startServer({ location: folder.file("near"), mirrors: [`${server?.url}`], repos: [] });
  await near.settled;
  expect(await right(await fetch(`${near.url}/distfiles/small.zip`), small)).toBe(true);
  expect(statusOf(await fetch(`${base}/small.zip`))).toBe("portcache; hit");
});
