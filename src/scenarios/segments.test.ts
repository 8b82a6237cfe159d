/**
 * Tests segmented downloads through the whole server: which mirror gets which requests, what clients receive meanwhile, and what
 * happens if a mirror fails, sends wrong bytes or ignores ranges.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import type { MirrorsResponse } from "../api/schemas.ts";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { untilStored } from "../testing/stored.ts";
import { createTempFolder } from "../testing/temp.ts";

setDefaultTimeout(90_000);

const MIB = 1024 * 1024;
const SIZE = 16 * MIB + 4321;

interface Scenario extends AsyncDisposable {
  readonly server: TestServer;
  readonly mirrors: readonly FakeUpstream[];
  readonly store: string;
}

/** Starts mirrors with these faults and the files f0, f1 …, and a server. */
async function createScenario(
  faults: readonly (readonly Fault[])[],
  settings: Record<string, string> = {},
  files = 3,
): Promise<Scenario> {
  await using begun = new AsyncDisposableStack();
  const folder = begun.use(createTempFolder());
  const dist: Record<string, Content> = {};
  for (let i = 0; i < files; i++) dist[`f${i}`] = { size: SIZE, seed: i + 1 };
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/large", { dist });
  const mirrors: FakeUpstream[] = [];
  for (const list of faults) {
    const mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
    mirror.setFault("*", ...list);
    mirrors.push(mirror);
    begun.defer(mirror.close);
  }
  const store = folder.file("store");
  const server = await startServer({
    location: store,
    mirrors: mirrors.map(({ url }) => url),
    repos: [repository.location],
    settings: { "fetcher.read_ahead": "0", "fetcher.stall_timeout": "20s", ...settings },
  });
  begun.use(server);
  await server.settled;
  const ending = begun.move();
  return { server, mirrors, store, [Symbol.asyncDispose]: () => ending.disposeAsync() };
}

const slow = (mibPerSecond: number): Fault => ({ kind: "rate", bytesPerSecond: mibPerSecond * MIB });

async function expectRight(response: Response, i: number, start = 0, end = SIZE): Promise<void> {
  const bytes = await response.bytes();
  const right = Buffer.compare(bytes, readContent({ size: SIZE, seed: i + 1 }, start, end)) === 0;
  expect([bytes.length, right]).toEqual([end - start, true]);
}

function get(server: TestServer, i: number, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}/distfiles/f${i}`, { headers });
}

/** Returns the ranges of all requests for a file at this mirror. */
function rangesOf(mirror: FakeUpstream, file: string): readonly (string | undefined)[] {
  return mirror.fileRequests(file).map(({ range }) => range);
}

test.concurrent("a large file is fetched from all mirrors at once, each segment from one over a reused connection", async () => {
  await using scenario = await createScenario([[slow(3)], [slow(3)], [slow(3)]]);
  const { server, mirrors } = scenario;
  await expectRight(await get(server, 0), 0);
  const asked = mirrors.flatMap((mirror) => rangesOf(mirror, "f0"));
  for (const mirror of mirrors) {
    expect(rangesOf(mirror, "f0").length).toBeGreaterThan(0);
    const connections = new Set(mirror.fileRequests("f0").map(({ connection }) => connection));
    expect(connections.size).toBeLessThanOrEqual(2);
  }
  const starts = asked.map((range) => Number(/^bytes=(\d+)-\d+$/.exec(range ?? "")?.[1]));
  expect(new Set(starts).size).toBe(starts.length);
  // Hardly any bytes are sent twice.
  const sent = mirrors.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  expect(sent).toBeLessThan(1.5 * SIZE);
});

test.concurrent("the client receives bytes steadily while several mirrors send segments", async () => {
  await using scenario = await createScenario([[slow(2)], [slow(2)], [slow(2)]]);
  const { server } = scenario;
  const response = await get(server, 0);
  let length = 0;
  let last = performance.now();
  let longest = 0;
  for await (const bytes of response.body ?? []) {
    length += bytes.length;
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }
  expect(length).toBe(SIZE);
  expect(longest).toBeLessThan(6_000);
});

test.concurrent("a range far ahead is answered without requesting bytes twice", async () => {
  await using scenario = await createScenario([[slow(3)], [slow(3)]]);
  const { server, mirrors } = scenario;
  const whole = get(server, 0);
  const start = SIZE - 3 * MIB;
  const part = await get(server, 0, { range: `bytes=${start}-` });
  expect(part.status).toBe(206);
  await Promise.all([expectRight(part, 0, start), whole.then((response) => expectRight(response, 0))]);
  const sent = mirrors.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  expect(sent).toBeLessThan(1.5 * SIZE);
});

test.concurrent("a mirror that ignores ranges gets no further range requests", async () => {
  await using scenario = await createScenario([[slow(3)], [slow(3), { kind: "ignore-range" }], [slow(3)]]);
  const { server, mirrors } = scenario;
  for (let i = 0; i < 2; i++) await expectRight(await get(server, i), i);
  const [, ignoring] = mirrors;
  expect(ignoring?.requests.filter(({ range }) => range !== undefined).length).toBeLessThanOrEqual(1);
});

test.concurrent("a mirror that adds no speed is dropped, and hardly asked for the next file", async () => {
  await using scenario = await createScenario([[slow(8)], [{ kind: "rate", bytesPerSecond: 200_000 }]]);
  const { server, mirrors } = scenario;
  await expectRight(await get(server, 0), 0);
  await expectRight(await get(server, 1), 1);
  const second = mirrors[1]?.fileRequests("f1") ?? [];
  expect(second.length).toBeLessThanOrEqual(1);
});

test.concurrent("with one connection per file, a file comes from one mirror", async () => {
  await using scenario = await createScenario([[slow(8)], [slow(8)]], { "fetcher.connections_per_file": "1" });
  const { server, mirrors } = scenario;
  await expectRight(await get(server, 0), 0);
  const asked = mirrors.map((mirror) => rangesOf(mirror, "f0"));
  expect(asked.flat()).toEqual([undefined]);
});

test.concurrent("if one of several mirrors sends wrong bytes, only that one counts as failed, and the next request gets the right file", async () => {
  await using scenario = await createScenario([[slow(4)], [slow(4)], [slow(4)]]);
  const { server, mirrors, store } = scenario;
  mirrors[1]?.setFault("*", slow(4), { kind: "garbage" });
  const first = await get(server, 0)
    .then((response) => response.bytes())
    .then(
      (bytes) => Buffer.compare(bytes, readContent({ size: SIZE, seed: 1 })) === 0,
      () => "broken" as const,
    );
  expect(first).not.toBe(false);
  await expectRight(await get(server, 0), 0);
  await untilStored(`${server.url}/distfiles/f0`);
  const stored = [...new Bun.Glob("distfiles/*/f0").scanSync(store)];
  expect(stored.map((path) => statSync(`${store}/${path}`).size)).toEqual([SIZE]);
  expect(existsSync(`${store}/partial/f0`)).toBe(false);
  // Only the corrupt mirror has a failure recorded.
  const known = await (await fetch(`${server.url}/api/v1/mirrors`)).json();
  const failed = (known as MirrorsResponse).mirrors.map(({ url, requests }) => [url, requests.failed > 0]);
  expect(Object.fromEntries(failed)).toEqual(Object.fromEntries(mirrors.map(({ url }, i) => [url, i === 1])));
});

test.concurrent("mirrors that refuse ranges are asked for the whole file", async () => {
  const refuses: Fault = { kind: "status", status: 416, on: "range" };
  await using scenario = await createScenario([
    [slow(8), refuses],
    [slow(8), refuses],
  ]);
  const { server } = scenario;
  await expectRight(await get(server, 0), 0);
});

test.concurrent("a stopped server leaves the part of a segmented download that has no gaps", async () => {
  await using scenario = await createScenario([[slow(2)], [slow(2)], [slow(2)]]);
  const { server, store } = scenario;
  const body = get(server, 0).then((response) => response.bytes());
  const broken = body.catch(() => "broken");
  await Bun.sleep(1_500);
  await server.stop();
  expect(await broken).toBe("broken");
  const left = readFileSync(`${store}/partial/f0`);
  expect(left.length).toBeGreaterThan(0);
  expect(left.length).toBeLessThan(SIZE);
  expect(Buffer.compare(left, readContent({ size: SIZE, seed: 1 }, 0, left.length))).toBe(0);
});

test.concurrent("many files at once stay within the limit of connections to one host", async () => {
  await using scenario = await createScenario(
    Array.from({ length: 3 }, () => [slow(2)]),
    { "fetcher.connections_per_file": "3" },
    14,
  );
  const { server, mirrors } = scenario;
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, ...mirrors.map(({ connections }) => connections));
  }, 10);
  await Promise.all(
    Array.from({ length: 14 }, async (_, i) => {
      const response = await get(server, i);
      expect((await response.bytes()).length).toBe(SIZE);
    }),
  );
  clearInterval(timer);
  // Some files were still fetched from more than one mirror.
  expect(
    mirrors.reduce((sum, { requests }) => sum + requests.filter(({ file }) => file !== "layout.conf").length, 0),
  ).toBeGreaterThan(20);
  expect(most).toBeLessThanOrEqual(8 + 1);
});
