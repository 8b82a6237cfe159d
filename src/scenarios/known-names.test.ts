/**
 * Tests misses of names that a repository knows through the whole server: they wait for no scan, and the Manifest that counts is the
 * newest one when the last byte is given.
 */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { distfilePath, untilStored } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const OLD = { size: 6 * MIB, seed: 1 };
const NEW = { size: 6 * MIB, seed: 2 };
const NAME = "a-1.tar";

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: TestServer;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  mirror = await startFakeUpstream();
  repository.markSynced();
  repository.put("app-misc/a", { dist: { [NAME]: OLD, "b-1.tar": "b" } });
  await start();
  await server.settled;
});

async function start(): Promise<void> {
  const repos = [repository.location];
  const settings = { "fetcher.private_networks": "true" };
  server = await startServer({ location: folder.file("store"), mirrors: [mirror.url], repos, settings });
}

afterEach(async () => {
  await server.stop();
  await mirror.close();
  folder.remove();
});

const get = (name: string) => fetch(server.url + distfilePath(name));

async function scannedAt(): Promise<number> {
  const { repositories } = (await (await fetch(`${server.url}/api/v1/repositories`)).json()) as {
    repositories: readonly { readonly scanned_at: number }[];
  };
  return repositories[0]?.scanned_at ?? Number.NaN;
}

test("a miss of a known name causes no scan where the marker of its repository did not move", async () => {
  mirror.files.set("b-1.tar", "b");
  const before = await scannedAt();
  await Bun.sleep(200);
  expect(await (await get("b-1.tar")).text()).toBe("b");
  await Bun.sleep(200);
  expect(await scannedAt()).toBe(before);
});

test("a Manifest that was edited by hand counts for the next request, without a marker", async () => {
  mirror.files.set("b-1.tar", "other");
  repository.put("app-misc/a", { dist: { "b-1.tar": "other" } });
  const response = await get("b-1.tar");
  expect([response.status, await response.text()]).toEqual([200, "other"]);
});

test("a Manifest that changed while no server ran counts for a stored file from the first request on", async () => {
  for (let i = 0; i < 300; i++) repository.put(`app-misc/other-${i}`, { dist: { [`other-${i}.tar`]: "x" } });
  for (const content of ["1", "2", "3"]) {
    mirror.files.set("b-1.tar", content);
    repository.put("app-misc/a", { dist: { "b-1.tar": content } });
    await server.stop();
    await start();
    expect(await (await get("b-1.tar")).text()).toBe(content);
    await untilStored(server.url + distfilePath("b-1.tar"));
  }
});

test("nobody completes a file whose Manifest changed while it came in; the next request gets the new one", async () => {
  mirror.files.set(NAME, OLD);
  mirror.setFault(NAME, { kind: "rate", bytesPerSecond: 6 * MIB });
  const download = get(NAME)
    .then((response) => response.arrayBuffer())
    .then(
      ({ byteLength }) => byteLength,
      () => "broken off",
    );
  await Bun.sleep(300);
  repository.put("app-misc/a", { dist: { [NAME]: NEW } });
  expect(await download).toBe("broken off");
  mirror.files.set(NAME, NEW);
  mirror.setFault(NAME);
  const bytes = Buffer.from(await (await get(NAME)).arrayBuffer());
  expect(bytes.equals(readContent(NEW))).toBe(true);
});

test("a small file whose Manifest changed while it came in is fetched again as the new Manifest wants it", async () => {
  mirror.files.set("b-1.tar", "b");
  mirror.setFault("b-1.tar", { kind: "latency", ms: 500 });
  const response = get("b-1.tar");
  await Bun.sleep(200);
  repository.put("app-misc/a", { dist: { "b-1.tar": "other" } });
  await Bun.sleep(100);
  mirror.files.set("b-1.tar", "other");
  mirror.setFault("b-1.tar");
  const { status } = await response;
  expect([status, await (await response).text()]).toEqual([200, "other"]);
});

test("a file that a mirror has waits for no bash, and one that it lacks or is late with comes from the ebuild's URI", async () => {
  const dist = { "late-1.tar": "b", "elsewhere-1.tar": "c" };
  const files = Object.entries(dist).map(([name, content]) => [`/${name}`, content] as const);
  const upstream = await startFakeUpstream({ files: new Map(files) });
  // bash is stopped after 20 seconds.
  repository.put("app-misc/slow", {
    dist: { "slow-1.tar": "a" },
    ebuilds: [{ version: "1", text: "while :; do :; done" }],
  });
  for (const [name, content] of Object.entries(dist)) {
    const text = `EAPI=8\nSRC_URI="${upstream.url}/${name}"\n`;
    repository.put(`app-misc/${name.slice(0, -6)}`, {
      dist: { [name]: content },
      ebuilds: [{ version: "1", text }],
    });
  }
  repository.markSynced();
  mirror.files.set("slow-1.tar", "a").set("late-1.tar", "b");
  mirror.setFault("late-1.tar", { kind: "stall-headers" });
  const startedAt = performance.now();
  expect(await (await get("slow-1.tar")).text()).toBe("a");
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  expect(await (await get("elsewhere-1.tar")).text()).toBe("c");
  expect(await (await get("late-1.tar")).text()).toBe("b");
  expect(upstream.requests.map(({ path }) => path)).toEqual(["/elsewhere-1.tar", "/late-1.tar"]);
  await upstream.close();
});
