/**
 * Tests read-ahead through the whole server: a miss on one file of an ebuild prefetches exactly those that Portage will request
 * next.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Content } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: TestServer | undefined;
const all = ["a.zip", "b.zip", "c.zip", "gui.zip", "old.zip", "new.zip", "both.zip"];
const dist = Object.fromEntries(all.map((name, i): [string, Content] => [name, { size: 20_000 + i, seed: 60 + i }]));

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  const uris = (names: string) => names.replaceAll(/\w+\.zip/g, "http://127.0.0.1:9/$&");
  const common = "a.zip b.zip gui? ( gui.zip ) c.zip both.zip";
  repository.put("app-misc/foo", {
    dist,
    ebuilds: [
      { version: "1", srcUri: uris(`${common} old.zip`), iuse: "gui" },
      { version: "2", srcUri: uris(`${common} new.zip`), iuse: "gui" },
    ],
  });
  const both = Object.fromEntries(Object.entries(dist).filter(([name]) => name === "both.zip"));
  repository.put("app-misc/bar", { dist: both, ebuilds: [{ version: "1", srcUri: uris("both.zip") }] });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await mirror.close();
  folder.remove();
});

async function start(settings: Record<string, string> = {}): Promise<void> {
  const location = folder.file("store");
  server = await startServer({ location, mirrors: [mirror.url], repos: [repository.location], settings });
  await server.settled;
}

/** Sends a request, waits until the mirror is quiet, and returns the files requested from the mirror so far. */
async function requestsAfter(name: string, method = "GET"): Promise<readonly string[]> {
  const response = await fetch(`${server?.url}/distfiles/${name}`, { method });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
  for (let before = -1; before !== mirror.requests.length; await Bun.sleep(150)) before = mirror.requests.length;
  return mirror.requests.flatMap(({ file }) => (file === undefined || file === "layout.conf" ? [] : [file])).sort();
}

test("a miss prefetches the files that every version needs with any USE flags, each once", async () => {
  await start();
  expect(await requestsAfter("b.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip"]);
  const response = await fetch(`${server?.url}/distfiles/c.zip`);
  expect(response.headers.get("cache-status")).toBe("portcache; hit");
  expect(await requestsAfter("a.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip"]);
  // This file belongs to one version only.
  expect(await requestsAfter("new.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip", "new.zip"]);
});

test("a file under a USE flag is not prefetched, but prefetches the files of its ebuild", async () => {
  await start();
  expect(await requestsAfter("gui.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip", "gui.zip"]);
});

test("a file of several packages, a HEAD and read_ahead = 0 prefetch nothing", async () => {
  await start();
  expect(await requestsAfter("both.zip")).toEqual(["both.zip"]);
  expect(await requestsAfter("b.zip", "HEAD")).toEqual(["b.zip", "both.zip"]);
  await server?.stop();
  await start({ "fetcher.read_ahead": "0" });
  expect((await requestsAfter("c.zip")).filter((name) => name === "a.zip")).toEqual([]);
});

test("nothing is prefetched if the disk has less than min_free", async () => {
  await start({ "storage.min_free": "1000TiB" });
  expect(await requestsAfter("b.zip")).toEqual(["b.zip"]);
});
