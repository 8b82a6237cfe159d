/**
 * Starts more downloads than the runtime sends requests at once, and sends a HEAD. Runs the executable, because clients in the
 * server's process would share its limit of requests.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Socket } from "bun";
import type { Content } from "../src/testing/content.ts";
import { startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(60_000);

const CLIENTS = 256;
/** As in src/server/compose-upstream.ts. */
const TRANSFERS = 224;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

test("while the maximum of downloads runs, a HEAD still reaches the mirror", async () => {
  const folder = createTempFolder("portcache-transfers-");
  closers.push(() => folder.remove());
  const dist: Record<string, Content> = {};
  for (let i = 0; i <= CLIENTS; i++) dist[`f${i}`] = { size: 40 * 1024, seed: i + 1 };
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/many", { dist });
  const mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  closers.push(mirror.close);
  for (let i = 0; i < CLIENTS; i++) mirror.setFault(`f${i}`, { kind: "stall", at: 10 * 1024 });
  const server = await startExecutable({
    settings: {
      fetcher: { mirrors: [mirror.url], max_downloads: CLIENTS, read_ahead: 0, stall_timeout: "5m" },
      repo: { repos: [repository.location] },
    },
    location: folder.file("store"),
  });
  closers.push(() => server[Symbol.asyncDispose]());
  const { hostname, port } = new URL(server.url);
  const clients: Socket[] = [];
  closers.push(() => {
    for (const client of clients) client.terminate();
  });
  for (let i = 0; i < CLIENTS; i++) {
    const client = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
    client.write(`GET /distfiles/f${i} HTTP/1.1\r\nHost: portcache\r\n\r\n`);
    clients.push(client);
  }
  const asked = () => mirror.requests.filter(({ file }) => file !== "layout.conf").length;
  while (asked() < TRANSFERS) await Bun.sleep(20);
  expect((await fetch(`${server.url}/distfiles/f${CLIENTS}`, { method: "HEAD" })).status).toBe(200);
  // It overtook the downloads that wait for a slot.
  expect(asked()).toBe(TRANSFERS + 1);
});
