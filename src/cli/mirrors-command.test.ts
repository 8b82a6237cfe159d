import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import type { Mirror, MirrorsResponse } from "../api/schemas.ts";
import { loadConfig } from "../config/load.ts";
import { NO_STATS } from "../mirrors/host-stats.ts";
import { socketPath } from "../server/control-socket.ts";
import { describeMirror } from "../status/mirror-report.ts";
import { lockStore } from "../store/lock.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";
import { mirrors, render } from "./mirrors-command.ts";

setDefaultTimeout(60_000);

async function run(location: string, urls: readonly string[], json: boolean): Promise<string> {
  const printed: string[] = [];
  const output = {
    out: (text: string) => printed.push(text),
    err: () => undefined,
    paint: (_: unknown, text: string) => text,
  };
  const overrides = [
    { path: "storage.location", given: location, flag: "--location" },
    { path: "fetcher.mirrors", given: urls, flag: "--mirror" },
  ];
  const loaded = loadConfig({ env: {}, defaultFile: "/nonexistent", overrides });
  expect(await mirrors(loaded, { json, unicode: true }, output, Date.now())).toBe(0);
  return printed.join("\n");
}

test("mirrors shows what the server measured, also after the server has stopped; before that, nothing", async () => {
  using folder = createTempFolder();
  const size = 300_000;
  await using mirror = await startFakeUpstream({ files: new Map([["a", { size, seed: 1 }]]) });
  await using dead = await startFakeUpstream();
  await dead.close();
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/a", { dist: { a: { size, seed: 1 } } });
  const location = folder.file("store");
  const urls = [dead.url, mirror.url.replace("//", "//me:secret@"), "http://127.0.0.1:1"];
  await expect(run(location, urls, true)).rejects.toThrow(`There is no store in ${location}`);
  expect(existsSync(location)).toBe(false);
  mkdirSync(`${location}/distfiles`, { recursive: true });
  const reported = async (): Promise<Mirror[]> => JSON.parse(await run(location, urls, true));
  expect((await reported()).map(({ success_rate, circuit, transfers }) => [success_rate, circuit, transfers])).toEqual(
    new Array(3).fill([null, "closed", null]),
  );
  mirror.setFault("a", { kind: "rate", bytesPerSecond: 1_000_000 });
  {
    const mirrorsAsked = urls.slice(0, 2);
    const settings = { "fetcher.strategy": "ordered" };
    await using server = await startServer({ location, mirrors: mirrorsAsked, repos: [repository.location], settings });
    await server.settled;
    expect((await (await fetch(`${server.url}/distfiles/a`)).bytes()).length).toBe(size);
  }
  const [first, second, third] = (await reported()) as [Mirror, Mirror, Mirror];
  expect([first.url, first.circuit, first.success_rate]).toEqual([dead.url, "open", 0]);
  expect(first.open_until).toMatch(/^\d{4}-/);
  expect([second.url, second.circuit, second.success_rate]).toEqual([mirror.url.replace("//", "//***@"), "closed", 1]);
  expect(second.bytes_per_second).toBeGreaterThan(300_000);
  expect(second.bytes_per_second).toBeLessThan(3_000_000);
  expect(second.first_byte_ms.p95).toBeGreaterThanOrEqual(0);
  expect(third.last_request_at).toBeNull();
  const text = await run(location, urls, false);
  expect(text).toMatch(/Unavailable, retry (?:soon|in \d+ s)/);
  expect(text).not.toContain("secret");
  const lock = lockStore(location, "a server");
  expect((await reported()).map(({ transfers }) => transfers)).toEqual([0, 0, 0]);
  lock.release();
});

test("beside a running server it shows what the server knows now", async () => {
  using folder = createTempFolder();
  const location = folder.file("store");
  mkdirSync(`${location}/distfiles`, { recursive: true });
  const host = { host: "http://mirror.test", stats: NO_STATS, lastRequestAt: 1, activeRequests: 3, waitUntil: 0 };
  const known: MirrorsResponse = { mirrors: [describeMirror(host, "mirror", true, 1)] };
  const asked: string[] = [];
  const server = Bun.serve({
    unix: socketPath(location),
    fetch(request) {
      asked.push(new URL(request.url).pathname);
      return Response.json(known);
    },
  });
  try {
    expect(JSON.parse(await run(location, ["http://other.test"], true))).toEqual(known.mirrors);
    expect(asked).toEqual(["/api/v1/mirrors"]);
  } finally {
    await server.stop(true);
  }
});

test("the table fits the terminal, in the words of the dashboard", () => {
  const host = (name: string, delivered: number) => ({
    host: name,
    stats: { ...NO_STATS, delivered, firstByteMs: 24, recentFirstByteMs: [24], bytesPerSecond: 11_000_000 },
    lastRequestAt: 1,
    activeRequests: 2,
    waitUntil: 0,
  });
  const far = `https://mirror.example.org/${"a/long/path/".repeat(5)}gentoo`;
  const all = [
    describeMirror(host("https://distfiles.gentoo.org", 5), "mirror", true, 1),
    {
      ...describeMirror(host(far, 5), "mirror", true, 1),
      circuit: "open" as const,
      open_until: "1970-01-01T00:02:00Z",
    },
    describeMirror(host("https://github.com", 5), "host", true, 1),
  ];
  const paint = (_: unknown, text: string) => text;
  const lines = render(all, 1, { paint, columns: 80, unicode: true }).split("\n");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines[0]).toMatch(/^Mirror +Status +First byte +Speed +Success$/);
  expect(lines[1]).toBe("Configured mirrors");
  expect(lines[2]).toMatch(/^distfiles\.gentoo\.org +OK, 2 active +24 ms +10\.5 MiB\/s +100%$/);
  expect(lines[3]).toMatch(/^mirror\.exa\S*…\S+ +Unavailable, 2 active /);
  expect(lines[4]).toBe("SRC_URI hosts");
  expect(render(all, 1, { paint, columns: undefined, unicode: true })).toContain("a/long/path/gentoo");
});
