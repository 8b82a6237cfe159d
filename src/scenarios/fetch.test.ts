/**
 * Tests fetching ahead of need through the whole server: by file, package, version, and the URIs that emerge prints.
 */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { FetchReport, FetchRequest, Progress } from "../api/action-schemas.ts";
import { digestsOf } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

setDefaultTimeout(30_000);

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: TestServer | undefined;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  mirror = await startFakeUpstream();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await mirror.close();
  folder.remove();
});

async function start(settings: Record<string, string> = {}): Promise<TestServer> {
  const repos = [repository.location];
  server = await startServer({ location: folder.file("store"), mirrors: [mirror.url], repos, settings });
  return server;
}

async function runFetch(request: Partial<FetchRequest>, onProgress: (progress: Progress) => void = () => undefined) {
  const { actions } = server ?? (await start());
  const run = { onProgress, signal: new AbortController().signal };
  return await actions.fetch({ names: [], packages: [], ...request }, run);
}

const outcomes = ({ results }: FetchReport) =>
  Object.fromEntries(results.map(({ name, outcome }) => [name, outcome]).sort());

test("files are fetched by name, each once, and failures have a reason", async () => {
  mirror.files.set("a.tar", "a").set("b.tar", "wrong").set("unknown.tar", "u");
  repository.put("app-misc/a", { dist: { "a.tar": "a", "b.tar": "right", "c.tar": "c" } });
  const names = ["a.tar", "a.tar", "b.tar", "c.tar", "unknown.tar", "none.tar", "x/y"];
  const first = await runFetch({ names });
  expect(outcomes(first)).toEqual({
    "a.tar": "fetched",
    "b.tar": "failed",
    "c.tar": "absent",
    "none.tar": "absent",
    "unknown.tar": "fetched",
    "x/y": "failed",
  });
  expect(first).toMatchObject({ files: 6, fetched: 2, fetched_bytes: 2, present: 0, failed: 4 });
  const reasons = Object.fromEntries(first.results.map(({ name, reason }) => [name, reason]));
  expect(reasons["c.tar"]).toContain("wanted by gentoo: app-misc/a");
  expect(reasons["none.tar"]).toContain("No repository knows this file");
  expect(reasons["x/y"]).toContain("neither the name of a distfile nor a path");
  const again = await runFetch({ names: ["a.tar"] });
  expect(again).toMatchObject({ files: 1, fetched: 0, present: 1, failed: 0 });
  expect(mirror.fileRequests("a.tar").length).toBe(1);
});

test("a package has all its files fetched, or those of one version under any USE flag", async () => {
  const dist = Object.fromEntries(
    ["p-1.tar", "p-2.tar", "p-2-doc.tar", "p-2.patch", "p-3.tar"].map((name) => [name, name]),
  );
  const ebuilds = [
    { version: "1", srcUri: "http://127.0.0.1:1/p-1.tar" },
    { version: "2", srcUri: "http://127.0.0.1:1/p-2.tar doc? ( http://127.0.0.1:1/p-2-doc.tar )", iuse: "doc" },
    { version: "2-r1", srcUri: "http://127.0.0.1:1/p-2.tar http://127.0.0.1:1/p-2.patch" },
    { version: "3", srcUri: "http://127.0.0.1:1/p-3.tar", cached: false },
  ];
  repository.put("app-misc/p", { dist, ebuilds });
  repository.put("app-misc/q", { dist: { "q.tar": "q" } });
  for (const name of Object.keys(dist)) mirror.files.set(name, name);
  const two = await runFetch({ packages: ["app-misc/p"], version: "2" });
  expect(outcomes(two)).toEqual({ "p-2-doc.tar": "fetched", "p-2.patch": "fetched", "p-2.tar": "fetched" });
  const all = await runFetch({ packages: ["app-misc/p", "app-misc/none", "nonsense"] });
  expect(outcomes(all)).toEqual({
    "app-misc/none": "failed",
    nonsense: "failed",
    "p-1.tar": "fetched",
    "p-2-doc.tar": "present",
    "p-2.patch": "present",
    "p-2.tar": "present",
    "p-3.tar": "fetched",
  });
  const none = await runFetch({ packages: ["app-misc/p"], version: "9" });
  expect(none.results[0]?.reason).toBe("has no version 9 in any repository");
});

test("URIs as emerge prints them name files, also renamed ones", async () => {
  repository.put("app-misc/one", {
    dist: { "one-1.tar.gz": "one", "r-1.tar.gz": "r" },
    ebuilds: [
      {
        version: "1",
        srcUri: `${mirror.url}/x/v1.tar.gz -> one-1.tar.gz mirror+${mirror.url}/x/v7.tar.gz -> r-1.tar.gz`,
      },
    ],
  });
  mirror.files.set("one-1.tar.gz", "one").set("r-1.tar.gz", "r");
  const report = await runFetch({
    names: [
      `https://elsewhere.test/distfiles/5a/one-1.tar.gz ${mirror.url}/x/v1.tar.gz`,
      `${mirror.url}/x/v7.tar.gz`,
      "https://elsewhere.test/nothing.tar",
    ],
  });
  expect(outcomes(report)).toEqual({
    "https://elsewhere.test/nothing.tar": "failed",
    "one-1.tar.gz": "fetched",
    "r-1.tar.gz": "fetched",
  });
});

test("half of the download slots are left to clients, and progress lists each active file", async () => {
  const names = Array.from({ length: 6 }, (_, i) => `f-${i}.tar`);
  const content = (seed: number) => ({ size: 200_000, seed });
  for (const [i, name] of names.entries()) mirror.files.set(name, content(i));
  repository.put("app-misc/f", { dist: Object.fromEntries(names.map((name, i) => [name, content(i)])) });
  mirror.setFault("*", { kind: "rate", bytesPerSecond: 400_000 });
  await start({ "fetcher.max_downloads": "4" });
  const seen: Progress[] = [];
  const report = await runFetch({ names }, (progress) => seen.push(progress));
  expect(report).toMatchObject({ fetched: 6, failed: 0 });
  expect(Math.max(...seen.map(({ active }) => active.length))).toBe(2);
  expect(
    seen.some(({ active }) => active.some(({ bytes, size }) => bytes > 0 && bytes < 200_000 && size === 200_000)),
  ).toBe(true);
  expect(seen.at(-1)).toMatchObject({ done: 6, total: 6, bytes: 1_200_000, total_bytes: 1_200_000, active: [] });
});

test("an aborted fetch starts no further downloads and lets the active ones finish", async () => {
  const names = Array.from({ length: 8 }, (_, i) => `f-${i}.tar`);
  for (const [i, name] of names.entries()) mirror.files.set(name, { size: 100_000, seed: i });
  repository.put("app-misc/f", {
    dist: Object.fromEntries(names.map((name, i) => [name, { size: 100_000, seed: i }])),
  });
  mirror.setFault("*", { kind: "rate", bytesPerSecond: 200_000 });
  const { actions } = await start({ "fetcher.max_downloads": "2" });
  const stopping = new AbortController();
  const onProgress = ({ active }: Progress) => {
    if (active.some(({ bytes }) => bytes > 0)) stopping.abort(new Error("enough"));
  };
  await expect(actions.fetch({ names, packages: [] }, { onProgress, signal: stopping.signal })).rejects.toThrow(
    "enough",
  );
  const again = await runFetch({ names: [names[0] ?? ""] });
  expect(again.failed).toBe(0);
  expect(mirror.fileRequests(names[0] ?? "").length).toBe(1);
  expect(mirror.fileRequests(names[7] ?? "").length).toBe(0);
});

test("of two packages with other content under one name, the name is the first's, and fetch says so for the second", async () => {
  const uri = (path: string) => `${mirror.url}/${path}/v1.0.tar.gz`;
  for (const name of ["a", "b"]) {
    mirror.files.set(`/${name}/v1.0.tar.gz`, `content of ${name}`);
    const dist = { "v1.0.tar.gz": `content of ${name}` };
    repository.put(`dev-libs/${name}`, { dist, ebuilds: [{ version: "1", srcUri: uri(name) }] });
  }
  const { url } = await start({ "fetcher.private_networks": "true" });
  const second = await runFetch({ packages: ["dev-libs/b"] });
  expect(second).toMatchObject({ files: 1, fetched: 0, failed: 1 });
  expect(second.results[0]).toMatchObject({ name: "v1.0.tar.gz", outcome: "failed" });
  expect(second.results[0]?.reason).toBe(
    "of dev-libs/b is another file than that of gentoo: dev-libs/a, which has this name here: it is served by its content hash only",
  );
  expect(await runFetch({ packages: ["dev-libs/a"] })).toMatchObject({ fetched: 1, failed: 0 });
  const byName = await fetch(`${url}/distfiles/v1.0.tar.gz`);
  expect(await byName.text()).toBe("content of a");
  for (const name of ["a", "b", "a"]) {
    const { blake2b } = digestsOf(`content of ${name}`);
    const byContent = await fetch(`${url}/distfiles/${blake2b.slice(0, 2)}/${blake2b}`);
    expect(await byContent.text()).toBe(`content of ${name}`);
  }
  expect(await (await fetch(`${url}/distfiles/v1.0.tar.gz`)).text()).toBe("content of a");
});

test("a package that is in two repositories has the file of the first one fetched", async () => {
  const overlay = writeRepository(folder.file("overlay"), { name: "overlay", masters: ["gentoo"] });
  mirror.files.set("foo-1.tar", "first");
  repository.put("app-misc/foo", { dist: { "foo-1.tar": "first" } });
  overlay.put("app-misc/foo", { dist: { "foo-1.tar": "second" } });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location, overlay.location],
  });
  expect(await runFetch({ packages: ["app-misc/foo"] })).toMatchObject({ files: 1, fetched: 1, failed: 0 });
});
