/**
 * Limits what all downloads together receive in a second, through the whole server.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { type Content, sizeOf } from "../testing/content.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

setDefaultTimeout(60_000);

const KIB = 1024;
const MIB = 1024 * KIB;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Starts a server; get() fetches one of the files and returns the milliseconds that this took. */
async function start(dist: Record<string, Content>, settings: Record<string, string>) {
  const folder = createTempFolder();
  closers.push(() => folder.remove());
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/a", { dist });
  const mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
  closers.push(mirror.close);
  const server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
    settings: { "fetcher.stall_timeout": "20s", "fetcher.read_ahead": "0", ...settings },
  });
  closers.push(server.stop);
  await server.settled;
  const get = async (name: string) => {
    const startedAt = performance.now();
    const response = await fetch(`${server.url}/distfiles/${name}`);
    const bytes = await response.bytes();
    expect([name, response.status, bytes.length]).toEqual([name, 200, sizeOf(dist[name] ?? "")]);
    return performance.now() - startedAt;
  };
  return { get, url: server.url };
}

test("many downloads together take as long as the limit says, and a small one meanwhile does not wait for them", async () => {
  const large = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`large-${i}`, { size: MIB, seed: i + 1 }]));
  const dist = { ...large, small: { size: 50 * KIB, seed: 99 } };
  const { get } = await start(dist, { "fetcher.max_rate": "4MiB" });
  const startedAt = performance.now();
  const all = Promise.all(Object.keys(large).map(get));
  await Bun.sleep(1_000);
  expect(await get("small")).toBeLessThan(1_000);
  await all;
  const seconds = (performance.now() - startedAt) / 1000;
  // Twenty MiB, of which a burst of 200 ms comes at once.
  expect(seconds).toBeGreaterThan(4.7);
  expect(seconds).toBeLessThan(10);
});

test("small files side by side keep the limit as well", async () => {
  const small = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`small-${i}`, { size: 20 * KIB, seed: i + 1 }]),
  );
  const { get } = await start(small, { "fetcher.max_rate": "512KiB" });
  const startedAt = performance.now();
  await Promise.all(Object.keys(small).map(get));
  const seconds = (performance.now() - startedAt) / 1000;
  expect(seconds).toBeGreaterThan((60 * 20) / 512 - 0.3);
  expect(seconds).toBeLessThan((60 * 20) / 512 + 4);
});

test("status and metrics say what the limit is, and whether it holds now", async () => {
  const hour = (later: number) => `${String((new Date().getHours() + later) % 24).padStart(2, "0")}:00`;
  const hours = `${hour(3)}-${hour(5)}`;
  for (const [settings, max_rate] of [
    [{}, { bytes_per_second: null, hours: null, in_force: false }],
    [{ "fetcher.max_rate": "4MiB" }, { bytes_per_second: 4 * MIB, hours: null, in_force: true }],
    [
      { "fetcher.max_rate": "4MiB", "fetcher.max_rate_hours": hours },
      { bytes_per_second: 4 * MIB, hours, in_force: false },
    ],
  ] as const) {
    const { url } = await start({ a: { size: 10, seed: 1 } }, settings);
    expect(await (await fetch(`${url}/api/v1/status`)).json()).toMatchObject({ max_rate });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain(`\nportcache_max_rate_bytes_per_second ${max_rate.bytes_per_second ?? 0}\n`);
    expect(metrics).toContain(`\nportcache_max_rate_in_force ${Number(max_rate.in_force)}\n`);
  }
});
