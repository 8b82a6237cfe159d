/**
 * Runs many downloads through the whole server: connections are reused, and slots are shared fairly.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { type Content, sizeOf } from "../testing/content.ts";
import { type FakeUpstream, type FakeUpstreamOptions, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

setDefaultTimeout(90_000);

const KIB = 1024;
const MIB = 1024 * KIB;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function createWorld(
  dist: Record<string, Content>,
  settings: Record<string, string> = {},
  options: FakeUpstreamOptions = {},
): Promise<{ readonly server: TestServer; readonly mirror: FakeUpstream }> {
  const folder = createTempFolder();
  closers.push(() => folder.remove());
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/many", { dist });
  const mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)), ...options });
  closers.push(mirror.close);
  const server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
    settings: { "fetcher.read_ahead": "0", "fetcher.stall_timeout": "20s", ...settings },
  });
  closers.push(server.stop);
  await server.settled;
  return { server, mirror };
}

async function get(server: TestServer, name: string, content: Content): Promise<void> {
  const response = await fetch(`${server.url}/distfiles/${name}`);
  expect([name, response.status, (await response.bytes()).length]).toEqual([name, 200, sizeOf(content)]);
}

test("files are fetched one after the other over one connection to the mirror, also after a 404", async () => {
  const dist: Record<string, Content> = {};
  for (let i = 0; i < 12; i++) dist[`f${i}`] = { size: 40 * KIB, seed: i + 1 };
  const { server, mirror } = await createWorld(dist);
  for (const i of [3, 7]) mirror.setFault(`f${i}`, { kind: "status", status: 404 });
  mirror.setFault("f5", { kind: "redirect", to: "/distfiles/f6" });
  for (let i = 0; i < 12; i++) {
    if (i === 3 || i === 7) expect((await fetch(`${server.url}/distfiles/f${i}`)).status).toBe(404);
    else if (i !== 5) await get(server, `f${i}`, dist[`f${i}`] as Content);
  }
  const connections = new Set(
    mirror.requests.filter(({ file }) => file !== "layout.conf").map((one) => one.connection),
  );
  expect(connections.size).toBeLessThanOrEqual(2);
});

test("small files do not wait behind any number of large ones", async () => {
  const dist: Record<string, Content> = {};
  for (let i = 0; i < 10; i++) dist[`large${i}`] = { size: 40 * MIB, seed: i + 1 };
  for (let i = 0; i < 10; i++) dist[`small${i}`] = { size: 20 * KIB, seed: 50 + i };
  const { server, mirror } = await createWorld(dist, { "fetcher.max_downloads": "4" });
  for (let i = 0; i < 10; i++) mirror.setFault(`large${i}`, { kind: "rate", bytesPerSecond: 4 * KIB });
  const stop = new AbortController();
  const large = Array.from({ length: 10 }, (_, i) =>
    fetch(`${server.url}/distfiles/large${i}`, { signal: stop.signal }).catch(() => undefined),
  );
  // All large files are queued, and as many are downloaded as may be.
  while (mirror.requests.filter(({ file }) => file?.startsWith("large")).length < 3) await Bun.sleep(10);
  for (let i = 0; i < 10; i++) await get(server, `small${i}`, dist[`small${i}`] as Content);
  expect(mirror.requests.filter(({ file }) => file?.startsWith("large")).length).toBe(3);
  stop.abort();
  await Promise.all(large);
});
