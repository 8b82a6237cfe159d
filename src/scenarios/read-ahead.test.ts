/**
 * Reading ahead through the whole server: a miss on one file of an ebuild brings those that Portage will ask for
 * next, and no others.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Content } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

let folder: TempFolder;
let tree: TestRepository;
let mirror: FakeUpstream;
let server: TestServer | undefined;
const all = ["a.zip", "b.zip", "c.zip", "gui.zip", "old.zip", "new.zip", "both.zip"];
const dist = Object.fromEntries(all.map((name, i): [string, Content] => [name, { size: 20_000 + i, seed: 60 + i }]));

beforeEach(async () => {
  folder = createTempFolder();
  tree = writeRepository(folder.file("tree"));
  mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  const uris = (names: string) => names.replaceAll(/\w+\.zip/g, "http://127.0.0.1:9/$&");
  const common = "a.zip b.zip gui? ( gui.zip ) c.zip both.zip";
  tree.put("app-misc/foo", {
    dist,
    ebuilds: [
      { version: "1", srcUri: uris(`${common} old.zip`), iuse: "gui" },
      { version: "2", srcUri: uris(`${common} new.zip`), iuse: "gui" },
    ],
  });
  const both = Object.fromEntries(Object.entries(dist).filter(([name]) => name === "both.zip"));
  tree.put("app-misc/bar", { dist: both, ebuilds: [{ version: "1", srcUri: uris("both.zip") }] });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await mirror.close();
  folder.remove();
});

async function start(settings: Record<string, string> = {}): Promise<void> {
  const location = folder.file("store");
  server = await startServer({ location, mirrors: [mirror.url], repos: [tree.location], settings });
  await server.settled;
}

/** What the mirror was asked for, once it was quiet for a while after this request. */
async function askedAfter(name: string, method = "GET"): Promise<readonly string[]> {
  const response = await fetch(`${server?.url}/distfiles/${name}`, { method });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
  for (let before = -1; before !== mirror.requests.length; await Bun.sleep(150)) before = mirror.requests.length;
  return mirror.requests.flatMap(({ file }) => (file === undefined || file === "layout.conf" ? [] : [file])).sort();
}

test("a miss brings what all versions that want the file need, whatever the USE flags: once, then they hit", async () => {
  await start();
  expect(await askedAfter("b.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip"]);
  const response = await fetch(`${server?.url}/distfiles/c.zip`);
  expect(response.headers.get("cache-status")).toBe("portcache; hit");
  expect(await askedAfter("a.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip"]);
  // Now it is known which version it is.
  expect(await askedAfter("new.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip", "new.zip"]);
});

test("a file under a USE flag brings the others, and comes only when it is asked for", async () => {
  await start();
  expect(await askedAfter("gui.zip")).toEqual(["a.zip", "b.zip", "both.zip", "c.zip", "gui.zip"]);
});

test("a file that several packages want brings none, HEAD brings none, read_ahead = 0 brings none", async () => {
  await start();
  expect(await askedAfter("both.zip")).toEqual(["both.zip"]);
  expect(await askedAfter("b.zip", "HEAD")).toEqual(["b.zip", "both.zip"]);
  await server?.stop();
  await start({ "fetcher.read_ahead": "0" });
  expect((await askedAfter("c.zip")).filter((name) => name === "a.zip")).toEqual([]);
});

test("nothing comes unasked where the disk has less free than is to be left", async () => {
  await start({ "storage.min_free": "1000TiB" });
  expect(await askedAfter("b.zip")).toEqual(["b.zip"]);
});
