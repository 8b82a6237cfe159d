/**
 * Checks the values of /metrics, through the whole server, and its format with promtool.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Content } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const one = { size: 200_000, seed: 1 };

let folder: TempFolder;
let mirror: FakeUpstream;
let server: TestServer;

beforeAll(async () => {
  folder = createTempFolder();
  const repository = writeRepository(folder.file('tr"ee\\'), { name: "gentoo" });
  repository.put("app-misc/one", { dist: { "one.zip": one, "two.zip": { size: 5, seed: 2 } } });
  mirror = await startFakeUpstream({ files: new Map<string, Content>([["one.zip", one]]) });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url.replace("//", "//me:secret@")],
    repos: [repository.location],
    settings: { "fetcher.read_ahead": "0" },
  });
  await server.settled;
  for (const name of ["one.zip", "one.zip", "two.zip", "secret-name.zip"]) {
    await (await fetch(`${server.url}/distfiles/${name}`)).bytes();
  }
});

afterAll(async () => {
  await server.stop();
  await mirror.close();
  folder.remove();
});

async function scrape(): Promise<string> {
  const response = await fetch(`${server.url}/metrics`);
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  return await response.text();
}

function sampleOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test("requests, bytes, sources and the store have metrics", async () => {
  const text = await scrape();
  const label = mirror.url.replace("//", "//***@");
  for (const [series, value] of [
    ['portcache_requests_total{outcome="hit"}', 1],
    ['portcache_requests_total{outcome="miss"}', 1],
    ['portcache_requests_total{outcome="absent"}', 2],
    ['portcache_sent_bytes_total{outcome="hit"}', 200_000],
    ['portcache_fetched_bytes_total{source="mirror"}', 200_000],
    ['portcache_upstream_requests_total{source="mirror",outcome="delivered"}', 1],
    ["portcache_requests_in_flight", 0],
    ['portcache_first_byte_seconds_count{outcome="hit"}', 1],
    ['portcache_first_byte_seconds_bucket{outcome="hit",le="+Inf"}', 1],
    ['portcache_download_duration_seconds_count{result="stored"}', 1],
    [`portcache_mirror_up{mirror="${label}"}`, 1],
    ["portcache_store_files", 1],
    ["portcache_store_bytes", 200_000],
    ["portcache_healthy", 1],
    ["portcache_degraded", 0],
  ] as const) {
    expect([series, sampleOf(text, series)]).toEqual([series, value]);
  }
  for (const series of ["process_resident_memory_bytes", "process_open_fds", "portcache_index_bytes"]) {
    expect([series, (sampleOf(text, series) ?? 0) > 0]).toEqual([series, true]);
  }
});

test("no file, client or password is a label, whatever is requested", async () => {
  const text = await scrape();
  for (const secret of ["zip", "127.0.0.1 ", "me:secret"]) expect(text).not.toContain(secret);
  const before = text.split("\n").length;
  for (let i = 0; i < 50; i++) await (await fetch(`${server.url}/distfiles/random-${i}.zip`)).bytes();
  expect((await scrape()).split("\n").length).toBe(before);
});

test("promtool accepts the format", async () => {
  const check = Bun.spawn(["promtool", "check", "metrics"], {
    stdin: new Blob([await scrape()]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([check.stdout.text(), check.stderr.text(), check.exited]);
  expect([stdout, stderr, exit]).toEqual(["", "", 0]);
});

test("a subscriber that disconnects is no longer counted", async () => {
  const subscribers = async () => sampleOf(await scrape(), "portcache_event_streams");
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  expect(await subscribers()).toBe(1);
  socket.destroy();
  const deadline = Date.now() + 10_000;
  while ((await subscribers()) !== 0 && Date.now() < deadline) await Bun.sleep(50);
  expect(await subscribers()).toBe(0);
}, 15_000);

const grafana = `${import.meta.dir}/../../scripts/grafana`;

test("the alert rules are valid, and rules and Grafana's dashboard use metrics that exist", async () => {
  const check = Bun.spawn(["promtool", "check", "rules", `${grafana}/alerts.yml`], { stdout: "pipe", stderr: "pipe" });
  const [stderr, exit] = await Promise.all([check.stderr.text(), check.exited]);
  expect([stderr, exit]).toEqual(["", 0]);
  const text = await scrape();
  const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  for (const file of ["alerts.yml", "portcache.json"]) {
    const asked = (await Bun.file(`${grafana}/${file}`).text()).matchAll(/\b(?:portcache|process)_[a-z0-9_]+/g);
    for (const [name] of asked) {
      expect([file, name, known.has(name) || known.has(name.replace(/_bucket$/, ""))]).toEqual([file, name, true]);
    }
  }
});

test("the queries of Grafana's dashboard are valid PromQL", async () => {
  const { panels } = (await Bun.file(`${grafana}/portcache.json`).json()) as {
    panels: { targets: { expr: string }[] }[];
  };
  const rules = panels
    .flatMap(({ targets }) => targets)
    .map(({ expr }, i) => {
      const plain = expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*");
      return `      - { record: "panel:${i}", expr: ${JSON.stringify(plain)} }\n`;
    });
  const file = folder.file("panels.yml");
  await Bun.write(file, `groups:\n  - name: panels\n    rules:\n${rules.join("")}`);
  const check = Bun.spawn(["promtool", "check", "rules", file], { stdout: "ignore", stderr: "pipe" });
  expect([await check.stderr.text(), await check.exited]).toEqual(["", 0]);
});
