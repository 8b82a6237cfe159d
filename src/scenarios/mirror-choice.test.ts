/**
 * Tests the whole server over several mirrors that are slow, dead, silent or get better: how many requests each gets, and how long
 * clients wait.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

setDefaultTimeout(90_000);

const KIB = 1024;
/** Longer than any test waits, so that a client that waited for it would be noticed even on a busy machine. */
const PATIENT = { "fetcher.stall_timeout": "60s", "fetcher.connect_timeout": "60s" };
const SOON_MS = 30_000;

interface Scenario extends AsyncDisposable {
  readonly mirrors: readonly FakeUpstream[];
  start(settings?: Readonly<Record<string, string>>): Promise<TestServer>;
}

/** Returns files f0, f1 … of this size. */
async function createScenario(mirrorCount: number, files: number, size: number): Promise<Scenario> {
  await using begun = new AsyncDisposableStack();
  const folder = begun.use(createTempFolder());
  const dist: Record<string, Content> = {};
  for (let i = 0; i < files; i++) dist[`f${i}`] = { size, seed: i + 1 };
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/many", { dist });
  const mirrors: FakeUpstream[] = [];
  for (let i = 0; i < mirrorCount; i++) {
    const mirror = await startFakeUpstream({ files: new Map(Object.entries(dist)) });
    mirrors.push(mirror);
    begun.defer(mirror.close);
  }
  const ending = begun.move();
  return {
    mirrors,
    async start(settings = {}) {
      const urls = mirrors.map(({ url }) => url);
      const location = folder.file("store");
      const server = ending.use(await startServer({ location, mirrors: urls, repos: [repository.location], settings }));
      await server.settled;
      return server;
    },
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

/** Fetches a file and checks it. @returns milliseconds until it was complete */
async function get(server: TestServer, i: number, size: number): Promise<number> {
  const before = performance.now();
  const response = await fetch(`${server.url}/distfiles/f${i}`);
  const bytes = await response.bytes();
  expect([i, response.status, Buffer.compare(bytes, readContent({ size, seed: i + 1 }))]).toEqual([i, 200, 0]);
  return performance.now() - before;
}

function asked({ requests }: FakeUpstream): number {
  return requests.filter(({ file }) => file !== "layout.conf").length;
}

test.concurrent("mirrors of speed 1:2:5 get 60 files in that proportion, one after the other, and after a restart too", async () => {
  const size = 40 * KIB;
  await using scenario = await createScenario(3, 75, size);
  for (const [i, mirror] of scenario.mirrors.entries()) {
    mirror.setFault("*", { kind: "rate", bytesPerSecond: 80 * KIB * ([1, 2, 5][i] ?? 1) });
  }
  let server = await scenario.start();
  for (let i = 0; i < 15; i++) await get(server, i, size);
  await server.stop();
  server = await scenario.start();
  const before = scenario.mirrors.map(asked);
  for (let i = 15; i < 75; i++) await get(server, i, size);
  const given = scenario.mirrors.map((mirror, i) => asked(mirror) - (before[i] ?? 0));
  for (const [i, due] of [7.5, 15, 37.5].entries()) {
    expect(Math.abs((given[i] ?? 0) - due)).toBeLessThanOrEqual(Math.max(0.25 * due, 2.5));
  }
});

test.concurrent("a far mirror that lacks the files is hardly asked for them, with src_uri and without", async () => {
  const size = 20 * KIB;
  for (const srcUri of ["true", "false"]) {
    await using scenario = await createScenario(2, 60, size);
    const server = await scenario.start({ "fetcher.src_uri": srcUri });
    const [far, near] = scenario.mirrors as [FakeUpstream, FakeUpstream];
    far.setFault("*", { kind: "latency", ms: 200 }, { kind: "status", status: 404 });
    near.setFault("*", { kind: "latency", ms: 20 });
    // Until it has answered four times nothing is known of what it has.
    for (let i = 0; i < 36; i++) await get(server, i, size);
    const before = asked(far);
    for (let i = 36; i < 60; i++) await get(server, i, size);
    expect(asked(far) - before).toBeLessThanOrEqual(1);
  }
});

test.concurrent("a mirror that dies delays one file briefly, and is asked again once it is back", async () => {
  const size = 20 * KIB;
  await using scenario = await createScenario(2, 40, size);
  const server = await scenario.start({ ...PATIENT, "fetcher.strategy": "ordered" });
  const [first, second] = scenario.mirrors as [FakeUpstream, FakeUpstream];
  await get(server, 0, size);
  expect([asked(first), asked(second)]).toEqual([1, 0]);
  first.setFault("*", { kind: "stall-headers" });
  for (let i = 1; i < 15; i++) expect(await get(server, i, size)).toBeLessThan(SOON_MS);
  expect(asked(first)).toBeLessThanOrEqual(4);
  first.setFault("*");
  const deadline = Date.now() + 40_000;
  for (let i = 15; i < 40 && asked(first) < 6 && Date.now() < deadline; i++) {
    await get(server, i, size);
    await Bun.sleep(800);
  }
  expect(asked(first)).toBeGreaterThanOrEqual(6);
});

test.concurrent("with one refusing, one silent and one trickling mirror of four, clients hardly wait longer once this is known", async () => {
  const size = 100 * KIB;
  await using scenario = await createScenario(4, 40, size);
  const [refusing, silent, trickling, good] = scenario.mirrors as [
    FakeUpstream,
    FakeUpstream,
    FakeUpstream,
    FakeUpstream,
  ];
  await refusing.close();
  silent.setFault("*", { kind: "stall-headers" });
  trickling.setFault("*", { kind: "rate", bytesPerSecond: 2 * KIB });
  const server = await scenario.start(PATIENT);
  for (let i = 0; i < 10; i++) await get(server, i, size);
  const waits: number[] = [];
  for (let i = 10; i < 40; i++) waits.push(await get(server, i, size));
  expect(Math.max(...waits)).toBeLessThan(SOON_MS);
  // A second request starts only after a longer wait.
  expect(waits.toSorted((a, b) => a - b)[15]).toBeLessThan(1_000);
  expect(asked(good)).toBeGreaterThan(25);
});

test.concurrent("a late first byte starts a second request, and the late one is cancelled once the second is answered", async () => {
  const size = 30 * KIB;
  await using scenario = await createScenario(2, 8, size);
  const [first, second] = scenario.mirrors as [FakeUpstream, FakeUpstream];
  const server = await scenario.start({ ...PATIENT, "fetcher.strategy": "ordered" });
  for (let i = 0; i < 6; i++) await get(server, i, size);
  first.setFault("f6", { kind: "latency", ms: 60_000 });
  expect(await get(server, 6, size)).toBeLessThan(SOON_MS);
  expect([first.fileRequests("f6").length, second.fileRequests("f6").length]).toEqual([1, 1]);
  // One connection to the second mirror is open, and the first one's is closed.
  for (let i = 0; i < 100 && first.connections > 0; i++) await Bun.sleep(100);
  expect(first.connections).toBe(0);
  await get(server, 7, size);
  expect(first.fileRequests("f7").length).toBe(1);
});

test.concurrent("six silent mirrors before the only good one do not make the client give up", async () => {
  const size = 30 * KIB;
  await using scenario = await createScenario(7, 2, size);
  for (const mirror of scenario.mirrors.slice(0, 6)) {
    mirror.setFault("*", { kind: "stall-headers" });
    mirror.setFault("layout.conf", { kind: "stall-headers" });
  }
  const server = await scenario.start({ ...PATIENT, "fetcher.strategy": "ordered" });
  expect(await get(server, 0, size)).toBeLessThan(SOON_MS);
});

test.concurrent("a small file does not wait long for a source that slows to a trickle", async () => {
  const size = 100 * KIB;
  await using scenario = await createScenario(2, 6, size);
  const [first, second] = scenario.mirrors as [FakeUpstream, FakeUpstream];
  const server = await scenario.start({ ...PATIENT, "fetcher.strategy": "round-robin" });
  for (let i = 0; i < 4; i++) await get(server, i, size);
  first.setFault("f4", { kind: "rate", bytesPerSecond: 2 * KIB });
  expect(await get(server, 4, size)).toBeLessThan(SOON_MS);
  expect([asked(first), asked(second)]).toEqual([3, 3]);
});

test.concurrent("a source that slows to a trickle is replaced in mid-file", async () => {
  const size = 6 * KIB * KIB;
  await using scenario = await createScenario(2, 6, size);
  const [first, second] = scenario.mirrors as [FakeUpstream, FakeUpstream];
  const server = await scenario.start({ ...PATIENT, "fetcher.strategy": "round-robin" });
  for (let i = 0; i < 4; i++) await get(server, i, size);
  for (const mirror of [first, second]) expect(asked(mirror)).toBe(2);
  first.setFault("f4", { kind: "rate", bytesPerSecond: 3 * KIB, at: size / 2 });
  expect(await get(server, 4, size)).toBeLessThan(SOON_MS);
  expect(second.fileRequests("f4")[0]?.range).toMatch(/^bytes=3\d+-$/);
});

test("a near mirror with half of the files is asked for nearly all of them, while the other is slow", async () => {
  await using scenario = await createScenario(2, 80, 20 * KIB);
  const [near, far] = scenario.mirrors;
  if (!near || !far) throw new Error("there are two mirrors");
  for (let i = 0; i < 80; i += 2) near.files.delete(`f${i}`);
  far.setFault("*", { kind: "latency", ms: 120 });
  const server = await scenario.start({ ...PATIENT, "fetcher.read_ahead": "0" });
  for (let i = 0; i < 80; i++) await get(server, i, 20 * KIB);
  // The far one is probed now and then.
  const delivered = near.requests.filter(({ file }) => file?.startsWith("f")).length;
  expect(delivered).toBeGreaterThan(34);
  expect(far.requests.filter(({ file }) => file?.startsWith("f")).length).toBeLessThan(50);
});
