/**
 * Checks that work which nobody waits for goes, that no client's requests keep others out, and that slow transfers yield their slots.
 */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createEvents } from "../http/api/events.ts";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { openClient, type SocketClient } from "../testing/socket-client.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

setDefaultTimeout(60_000);

const KNOWN = 40;
const content: Content = { size: 50_000, seed: 3 };
const knownNames = Array.from({ length: KNOWN }, (_, i) => `known-${i}.tar.xz`);
const unknownNames = Array.from({ length: 40 }, (_, i) => `unknown-${i}.tar.xz`);
/** After some answers a mirror is sent bursts of requests (upstream/host-gate.ts). */
const first = Array.from({ length: 6 }, (_, i) => `first-${i}.tar.xz`);
const snapshots = Array.from({ length: 40 }, (_, i) => `/snapshots/snapshot-${i}.tar.xz`);

let folder: TempFolder;
let mirror: FakeUpstream;
let server: TestServer;
let sent: SocketClient[] = [];

beforeEach(async () => {
  folder = createTempFolder();
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: Object.fromEntries(knownNames.map((name) => [name, content])) });
  mirror = await startFakeUpstream({
    files: new Map([...knownNames, ...unknownNames, ...first, ...snapshots].map((name) => [name, content])),
  });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
    settings: { "fetcher.stall_timeout": "20s", "fetcher.read_ahead": "0" },
  });
  await server.settled;
  for (const name of first) expect(await isRight(`/distfiles/${name}`)).toBe(true);
});

afterEach(async () => {
  for (const request of sent) request.leave();
  sent = [];
  await server.stop();
  await mirror.close();
  folder.remove();
});

function send(path: string, method?: string, from?: string): SocketClient {
  const request = openClient(server.url, path, method, from);
  sent.push(request);
  return request;
}

const asked = (what: RegExp) => mirror.requests.filter(({ path }) => what.test(path)).length;
const partFiles = () => readdirSync(folder.file("store/partial")).length;

async function isRight(path: string): Promise<boolean> {
  const response = await fetch(server.url + path);
  return response.status === 200 && Buffer.compare(await response.bytes(), readContent(content)) === 0;
}

test.each([
  ["unknown names", "/distfiles/absent-", "/distfiles/unknown-0.tar.xz", 4],
  ["snapshots", "/snapshots/absent-", "/snapshots/snapshot-0.tar.xz", 16],
])(
  "requests for %s that wait open nothing, and are dropped when their clients leave",
  async (_, prefix, other, slots) => {
    mirror.setFault("*", { kind: "stall-headers" });
    const clients = Array.from({ length: 200 }, (_, i) => send(`${prefix}${i}`));
    while (asked(/absent/) < slots) await Bun.sleep(20);
    // Those that take longer than a second to answer yield their slots to others.
    expect(partFiles()).toBeLessThanOrEqual(slots + 32);
    for (const client of clients) client.leave();
    await Bun.sleep(500);
    const before = asked(/absent/);
    expect(before).toBeLessThanOrEqual(slots + 32);
    mirror.setFault("*");
    // Of those that waited none is left.
    expect(await isRight(other)).toBe(true);
    await Bun.sleep(500);
    expect(asked(/absent/)).toBe(before);
  },
);

test("one client may wait for 125 files that no repository knows: more are refused until some have come", async () => {
  mirror.setFault("*", { kind: "stall-headers" });
  const clients = Array.from({ length: 400 }, (_, i) => send(`/distfiles/absent-${i}`));
  const heads: string[] = [];
  for (const { head } of clients) void head.then((text) => heads.push(text));
  // Those that are asked for no longer wait, and these yield their slots.
  while (heads.length < 400 - 125 - 32) await Bun.sleep(20);
  await Bun.sleep(300);
  expect(heads.length).toBeLessThanOrEqual(275);
  for (const head of heads) expect(head).toMatch(/^HTTP\/1\.1 503[\s\S]*retry-after: 10/i);
  // What is joined waits all the same, and so do files of another kind, and other clients.
  const joined = send("/distfiles/absent-0");
  expect(await Promise.race([joined.head, Bun.sleep(200).then(() => "waits")])).toBe("waits");
  for (const name of ["known-0.tar.xz", "unknown-0.tar.xz"]) mirror.setFault(name);
  expect(await isRight("/distfiles/known-0.tar.xz")).toBe(true);
  expect(await send("/distfiles/unknown-0.tar.xz", "GET", "127.0.0.2").status).toBe(200);
});

test("HEADs for one file are one request upstream, whose answer is remembered for a moment", async () => {
  mirror.setFault("known-0.tar.xz", { kind: "latency", ms: 300 });
  const clients = Array.from({ length: 600 }, () => send("/distfiles/known-0.tar.xz", "HEAD"));
  const statuses = await Promise.all(clients.map(({ status }) => status));
  expect(statuses.every((status) => status === 200)).toBe(true);
  expect(await send("/distfiles/known-0.tar.xz", "HEAD").status).toBe(200);
  expect(asked(/known-0/)).toBe(1);
});

test("HEADs take slots, and are not sent once their clients have left", async () => {
  for (const name of knownNames) mirror.setFault(name, { kind: "stall-headers" });
  const clients = knownNames.map((name) => send(`/distfiles/${name}`, "HEAD"));
  await Bun.sleep(400);
  const before = asked(/known-/);
  expect(before).toBe(16);
  for (const client of clients) client.leave();
  await Bun.sleep(400);
  for (const name of knownNames) mirror.setFault(name);
  expect(await send("/distfiles/known-39.tar.xz", "HEAD").status).toBe(200);
  expect(asked(/known-/)).toBe(before + 1);
});

test("slow transfers of unknown names and of snapshots hold up nobody", async () => {
  for (const [names, prefix, slots] of [
    [unknownNames, "/distfiles/", 4],
    [snapshots, "", 16],
  ] as const) {
    const slow = names.slice(0, slots);
    for (const name of slow) mirror.setFault(name, { kind: "rate", after: 0, bytesPerSecond: 1500 });
    for (const name of slow) send(prefix + name);
    await Bun.sleep(300);
    const startedAt = performance.now();
    for (const name of names.slice(slots, slots + 3)) expect(await isRight(prefix + name)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  }
});

test("files that only trickle in yield their slots after ten seconds", async () => {
  const slow = knownNames.slice(0, 16);
  for (const name of slow) mirror.setFault(name, { kind: "rate", after: 0, bytesPerSecond: 1500 });
  for (const name of slow) send(`/distfiles/${name}`);
  while (slow.some((name) => mirror.fileRequests(name).length === 0)) await Bun.sleep(20);
  const startedAt = performance.now();
  expect(await isRight("/distfiles/known-20.tar.xz")).toBe(true);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

test("one address may have a hundred event streams, and others have theirs", async () => {
  let first: ReturnType<typeof send> | undefined;
  // As many as may wait for their answers.
  for (let i = 0; i < 4; i++) {
    const clients = Array.from({ length: 25 }, () => send("/api/v1/events"));
    expect(new Set(await Promise.all(clients.map(({ status }) => status)))).toEqual(new Set([200]));
    first ??= clients[0];
  }
  expect(await send("/api/v1/events").head).toMatch(/^HTTP\/1\.1 503[\s\S]*retry-after: 60/i);
  first?.leave();
  await Bun.sleep(300);
  expect(await send("/api/v1/events").status).toBe(200);
  const { signal } = new AbortController();
  const state = { status: () => ({}) as never, downloads: () => ({}) as never, latestRequest: () => null };
  const events = createEvents({ state, onError: () => undefined });
  const statuses = (address: string) =>
    Array.from({ length: 101 }, () => events.subscribe(signal, address).status).filter((status) => status === 200);
  expect([statuses("10.0.0.1").length, statuses("10.0.0.2").length]).toEqual([100, 100]);
  events.close();
});
