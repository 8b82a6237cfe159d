/**
 * Checks that the compiled executable works at all: commands, downloads, ranges, errors, restart. It runs in the root folder.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { version } from "../package.json" with { type: "json" };
import { readContent } from "../src/testing/content.ts";
import { formatSettings, runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const SMALL = { size: 100_000, seed: 1 };
const LARGE = { size: 9 * MIB, seed: 2 };

const folder = createTempFolder();
let mirror: FakeUpstream;
let server: Server;

const settings = () => ({ fetcher: { mirrors: [mirror.url] }, repo: { repos: [folder.file("repository")] } });
const hashed = (name: string) => distfilePath(name).slice("/distfiles/".length);
const get = (name: string, init?: RequestInit) =>
  fetch(`${server.url}/distfiles/${name}`, { ...init, decompress: false });

async function expectContent(response: Response, content: { size: number; seed: number }): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  expect(body.length).toBe(content.size);
  expect(Buffer.compare(body, readContent(content))).toBe(0);
}

beforeAll(async () => {
  const files = new Map([
    ["small.tar.gz", SMALL],
    ["large.tar.xz", LARGE],
    ["bad-small.zip", SMALL],
    ["bad-large.zip", LARGE],
  ]);
  mirror = await startFakeUpstream({ files });
  mirror.setFault("bad-small.zip", { kind: "corrupt", at: 1 });
  mirror.setFault("bad-large.zip", { kind: "corrupt", at: 1 });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/foo", { dist: Object.fromEntries(files) });
  server = await startExecutable({ settings: settings() });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await mirror.close();
  folder.remove();
});

test("--version prints the version, and --help the commands", async () => {
  const printed = await runExecutable(["--version"]);
  expect(printed.stdout).toContain(version);
  expect(printed.exit).toBe(0);
  expect((await runExecutable(["--help"])).stdout).toContain("serve");
});

test("check accepts good settings, rejects bad ones, and changes nothing", async () => {
  const file = folder.file("check.toml");
  const location = folder.file("unborn");
  await Bun.write(file, formatSettings({ ...settings(), storage: { location } }));
  const good = await runExecutable(["check", "--config", file, "--json"]);
  expect(good.stderr).toBe("");
  expect(good.exit).toBe(0);
  expect(JSON.parse(good.stdout)).toBeObject();
  expect(existsSync(location)).toBe(false);
  await Bun.write(file, '[fetcher]\nmirors = ["http://localhost"]\n');
  const bad = await runExecutable(["check", "--config", file]);
  expect(bad.exit).toBe(2);
  expect(bad.stderr).toContain("mirrors");
});

test("an invalid certificate exits with 2 and names the setting; an address of another machine exits with 1", async () => {
  const junk = folder.file("junk.pem");
  await Bun.write(junk, "no certificate");
  const start = (...flags: string[]) => runExecutable(["--port", "0", "--location", folder.file("s"), ...flags]);
  const tls = await start("--set", `server.tls_cert=${junk}`, "--set", `server.tls_key=${junk}`);
  expect([tls.exit, tls.stdout]).toEqual([2, ""]);
  expect(tls.stderr).toContain(`server.tls_cert ${junk}`);
  const foreign = await start("--address", "192.0.2.1");
  expect([foreign.exit, foreign.stdout]).toEqual([1, ""]);
  expect(foreign.stderr).toContain("server.address 192.0.2.1");
});

test("the server prints its URL once it answers requests", async () => {
  const health = await fetch(`${server.url}/healthz`);
  expect([health.status, (await health.text()).trim()]).toEqual([200, "ok"]);
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
});

test("layout.conf lists the layouts", async () => {
  const answer = await get("layout.conf");
  expect(await answer.text()).toBe("[structure]\n0=filename-hash BLAKE2B 8\n1=flat\n");
});

test("a small file is fetched from the mirror once, and miss and hit have the same headers", async () => {
  const cold = await get(hashed("small.tar.gz"));
  await expectContent(cold, SMALL);
  expect(cold.headers.get("cache-status")).toBe("portcache; fwd=uri-miss; stored");
  const warm = await get("small.tar.gz");
  await expectContent(warm, SMALL);
  expect(warm.headers.get("cache-status")).toBe("portcache; hit");
  for (const { headers } of [cold, warm]) {
    expect(headers.get("content-type")).toBe("application/octet-stream");
    expect(headers.get("content-length")).toBe(String(SMALL.size));
    expect(headers.get("accept-ranges")).toBe("bytes");
    expect(headers.get("etag")).toBe(warm.headers.get("etag"));
    expect(headers.get("etag")).toMatch(/^"[^"]+"$/);
    expect(headers.get("last-modified")).toBe(warm.headers.get("last-modified"));
    expect(headers.get("content-disposition") ?? "").not.toContain("filename");
    expect(headers.get("content-encoding")).toBeNull();
  }
  expect(mirror.fileRequests("small.tar.gz").filter(({ method }) => method === "GET").length).toBe(1);
});

test("a large file is hashed by the worker and then served from disk", async () => {
  await expectContent(await get("large.tar.xz"), LARGE);
  const warm = await get(hashed("large.tar.xz"));
  expect(warm.headers.get("cache-status")).toBe("portcache; hit");
  expect(warm.headers.get("content-length")).toBe(String(LARGE.size));
  await expectContent(warm, LARGE);
});

test("ranges, conditional requests and HEAD follow RFC 9110", async () => {
  const whole = await get("large.tar.xz", { method: "HEAD" });
  expect(whole.headers.get("content-length")).toBe(String(LARGE.size));
  expect((await whole.arrayBuffer()).byteLength).toBe(0);
  const etag = whole.headers.get("etag") ?? "";
  for (const [range, start, end] of [
    ["bytes=5000000-5000099", 5_000_000, 5_000_100],
    ["bytes=9437180-", 9_437_180, LARGE.size],
    ["bytes=-4", LARGE.size - 4, LARGE.size],
  ] as const) {
    const part = await get("large.tar.xz", { headers: { Range: range, "If-Range": etag } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/${LARGE.size}`);
    expect(Buffer.compare(await part.bytes(), readContent(LARGE, start, end))).toBe(0);
  }
  expect((await get("large.tar.xz", { headers: { Range: "bytes=0-0", "If-Range": '"other"' } })).status).toBe(200);
  const beyond = await get("large.tar.xz", { headers: { Range: `bytes=${LARGE.size}-` } });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${LARGE.size}`]);
  expect((await get("large.tar.xz", { headers: { "If-None-Match": etag } })).status).toBe(304);
});

test("a file that no mirror has is 404 with a reason, and POST is refused", async () => {
  const absent = await get("absent-1.tar.gz");
  expect(absent.status).toBe(404);
  expect(await absent.text()).toContain("absent-1.tar.gz");
  expect((await get("00/small.tar.gz")).status).toBe(404);
  const posted = await get("small.tar.gz", { method: "POST" });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

test("a file with a wrong hash never completes and is never stored", async () => {
  expect((await get("bad-small.zip")).status).toBe(502);
  const large = get("bad-large.zip").then((answer) => {
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.bytes();
  });
  await expect(large).rejects.toBeInstanceOf(Error);
  for (const name of ["bad-small.zip", "bad-large.zip"]) {
    expect(existsSync(`${server.location}/distfiles/${hashed(name)}`)).toBe(false);
  }
});

test("the store has the layout of a mirror, and the index comes from the embedded migrations", () => {
  const stored = `${server.location}/distfiles/${hashed("small.tar.gz")}`;
  expect(Buffer.compare(readFileSync(stored), readContent(SMALL))).toBe(0);
  expect(statSync(stored).mode & 0o777).toBe(0o644);
  expect(readFileSync(`${server.location}/distfiles/layout.conf`, "utf8")).toContain("0=filename-hash BLAKE2B 8");
  using index = new Database(`${server.location}/index.sqlite`, { readonly: true });
  expect(index.query("SELECT count(*) AS n FROM __drizzle_migrations").get()).toEqual({ n: expect.any(Number) });
});

test("a second server on the same store exits and names the process that holds it", async () => {
  const second = await runExecutable(["serve", "--config", server.configFile]);
  expect(second.exit).toBe(1);
  expect(second.stderr).toContain(String(server.pid));
  rmSync(`${server.location}/portcache.lock`);
  const third = await runExecutable(["serve", "--config", server.configFile]);
  expect([third.exit, third.stderr]).toEqual([1, expect.stringContaining("answers at")]);
});

test("after kill -9 and a restart, stored files are served; SIGTERM exits with 0", async () => {
  const { location } = server;
  await server.stop("SIGKILL");
  const requests = mirror.requests.length;
  await using again = await startExecutable({ settings: settings(), location });
  const warm = await fetch(`${again.url}/distfiles/large.tar.xz`);
  await expectContent(warm, LARGE);
  expect(warm.headers.get("cache-status")).toBe("portcache; hit");
  expect(mirror.requests.length).toBe(requests);
  expect(again.rssBytes()).toBeLessThan(300 * MIB);
  expect(await again.stop()).toBe(0);
});
