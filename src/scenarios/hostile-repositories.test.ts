/**
 * Tests hostile repositories, through the whole server: what they may cost this server and other hosts is bounded,
 * and nothing is read through a link out of one.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { namesOfUris } from "../repos/uri-names.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const file = { size: 150_000, seed: 11 };

let folder: TempFolder;
let repository: TestRepository;
let upstream: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  upstream = await startFakeUpstream({ files: new Map() });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await upstream.close();
  folder.remove();
});

/** Starts a server whose only mirror has nothing. */
async function start(settings: Record<string, string> = {}): Promise<void> {
  const all = { "fetcher.private_networks": "true", "fetcher.read_ahead": "0", ...settings };
  const location = folder.file("store");
  server = await startServer({
    location,
    mirrors: [`${upstream.url}/mirror`],
    repos: [repository.location],
    settings: all,
  });
  await server.settled;
}

async function get(name: string): Promise<Response> {
  return await fetch(`${server?.url}/distfiles/${name}`);
}

const at = (path: string) => `${upstream.url}${path}`;

test("however many mirrors and URIs a repository lists, a download costs its hosts few requests", async () => {
  const bases = Array.from({ length: 2000 }, (_, i) => at(`/m${i}`));
  repository.write("profiles/thirdpartymirrors", bases.map((base) => `many ${base}\n`).join(""));
  const uris = Array.from({ length: 64 }, (_, i) => `mirror://many/${i}/f.zip -> f.zip`);
  repository.put("app-misc/foo", { dist: { "f.zip": file }, ebuilds: [{ version: "1", srcUri: uris.join(" ") }] });
  await start();
  const answer = await get("f.zip");
  expect(answer.status).toBe(404);
  expect(upstream.requests.length).toBeGreaterThan(0);
  expect(upstream.requests.length).toBeLessThanOrEqual(16);
  const head = await fetch(`${server?.url}/distfiles/f.zip`, { method: "HEAD" });
  expect(head.status).toBe(404);
  expect(upstream.requests.length).toBeLessThanOrEqual(32);
});

test("an ebuild, package or eclass that is a link out of its repository is named as such", async () => {
  const outside = folder.file("outside");
  mkdirSync(`${outside}/package`, { recursive: true });
  writeFileSync(`${outside}/e.ebuild`, `EAPI=8\nSRC_URI="${at("/e.zip")}"\n`);
  writeFileSync(`${outside}/acme.eclass`, `SRC_URI="${at("/c.zip")}"\n`);
  repository.put("app-misc/e", { dist: { "e.zip": file } });
  symlinkSync(`${outside}/e.ebuild`, `${repository.location}/app-misc/e/e-1.ebuild`);
  repository.put("app-misc/c", {
    dist: { "c.zip": file },
    ebuilds: [{ version: "1", text: "EAPI=8\ninherit acme\n" }],
  });
  mkdirSync(`${repository.location}/eclass`);
  symlinkSync(`${outside}/acme.eclass`, `${repository.location}/eclass/acme.eclass`);
  symlinkSync(`${outside}/package`, `${repository.location}/app-misc/p`);
  await start();
  expect(await (await get("e.zip")).text()).toContain(
    "app-misc/e-1: has an unknown SRC_URI: it is a link out of the repository",
  );
  expect(await (await get("c.zip")).text()).toContain(
    "it inherits acme, and acme.eclass is a link out of the repository",
  );
  expect(await (await get("p.zip")).text()).toContain(
    "Repository gentoo: app-misc/p/Manifest was not read: a link out of the repository.",
  );
});

test("an md5-cache entry that is a device, a pipe or too large is not read: the ebuild is sourced", async () => {
  const text = `EAPI=8\nSRC_URI="${at("/1.zip")}"\n`;
  for (const [name, content] of [
    ["zero", 1],
    ["pipe", 2],
    ["large", 3],
  ] as const) {
    const distfile = { size: 1000, seed: content };
    upstream.files.set(`/${name}.zip`, distfile);
    const ebuilds = [{ version: "1", text: text.replace("1.zip", `${name}.zip`) }];
    repository.put(`app-misc/${name}`, { dist: { [`${name}.zip`]: distfile }, ebuilds });
  }
  const cache = `${repository.location}/metadata/md5-cache/app-misc`;
  mkdirSync(cache, { recursive: true });
  symlinkSync("/dev/zero", `${cache}/zero-1`);
  execFileSync("mkfifo", [`${cache}/pipe-1`]);
  writeFileSync(`${cache}/large-1`, "x".repeat(2 * 1024 * 1024));
  await start();
  for (const name of ["zero", "pipe", "large"]) expect((await get(`${name}.zip`)).status).toBe(200);
  const uri = "https://example.org/v1.zip";
  repository.put("app-misc/last", {
    dist: { "last-1.zip": file },
    ebuilds: [{ version: "1", srcUri: `${uri} -> last-1.zip` }],
  });
  const names = await namesOfUris([repository], new Set([uri]), new AbortController().signal);
  expect([...names]).toEqual([[uri, "last-1.zip"]]);
});

test("what is read of a package is bounded, and clients that ask for it at once share one reading", async () => {
  const large = `SRC_URI="${at("/f.zip")}"\n# ${"x".repeat(900_000)}\n`;
  const ebuilds = Array.from({ length: 100 }, (_, i) => ({ version: `${i + 1}`, text: `EAPI=8\n${large}` }));
  repository.put("app-misc/foo", { dist: { "f.zip": file, "g.zip": file }, ebuilds });
  await start({ "repo.evaluate": "never" });
  const before = process.memoryUsage().rss;
  const answers = await Promise.all(["f.zip", "g.zip", "f.zip", "g.zip"].map(async (name) => await get(name)));
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  expect(await answers[1]?.text()).toContain("it is beyond the byte budget of its package");
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
});

test("a package folder of any number of files is not read", async () => {
  repository.put("app-misc/foo", { dist: { "f.zip": file } });
  for (let i = 0; i < 6_000; i++) writeFileSync(`${repository.location}/app-misc/foo/foo-1.${i}.ebuild`, "");
  await start();
  const answer = await get("f.zip");
  expect(await answer.text()).toContain(
    "app-misc/foo: has an unknown SRC_URI: it is in a folder of more than 5000 files",
  );
});

test("however many contents a repository lists for one name, a request for it costs its hosts few requests", async () => {
  for (let i = 0; i < 60; i++) {
    const ebuilds = [{ version: "1", srcUri: at(`/${i}/f.zip`) }];
    repository.put(`app-misc/p${i}`, { dist: { "f.zip": { size: 1_000, seed: i + 1 } }, ebuilds });
  }
  await start();
  const answer = await get("f.zip");
  expect(answer.status).toBe(404);
  expect(upstream.requests.length).toBeLessThanOrEqual(16);
  expect(await answer.text()).toContain("app-misc/p26, 40 more packages.");
});

test("however often hosts redirect, a download sends few requests to where they lead", async () => {
  const uris = Array.from({ length: 8 }, (_, i) => at(`/${i}/f.zip`));
  for (const uri of uris) upstream.files.set(new URL(uri).pathname, file);
  upstream.setFault("*", { kind: "redirect-loop" });
  repository.put("app-misc/foo", { dist: { "f.zip": file }, ebuilds: [{ version: "1", srcUri: uris.join(" ") }] });
  await start();
  expect((await get("f.zip")).status).toBe(502);
  expect(upstream.requests.length).toBeLessThanOrEqual(100);
});

test("a package with long RESTRICT, many files and many ebuilds never holds up the event loop", async () => {
  const content = { size: 1_000, seed: 3 };
  const names = Array.from({ length: 1_000 }, (_, i) => `f${i}.zip`);
  const srcUri = names.map((name) => at(`/${name}`)).join(" ");
  const ebuilds = Array.from({ length: 100 }, (_, i) => ({
    version: `${i + 1}`,
    srcUri,
    restrict: "x? ( y ) ".repeat(20_000),
  }));
  upstream.files.set("/mirror/distfiles/f0.zip", content);
  repository.put("app-misc/foo", { dist: { "f0.zip": content }, ebuilds });
  await start({ "fetcher.read_ahead": "4" });
  let longestMs = 0;
  let before = performance.now();
  const watch = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - before);
    before = performance.now();
  }, 5);
  upstream.files.set("f0.zip", content);
  await get("f0.zip");
  // The files of its ebuilds are looked for ahead of need.
  await Bun.sleep(1_500);
  clearInterval(watch);
  expect(longestMs).toBeLessThan(1_000);
});
