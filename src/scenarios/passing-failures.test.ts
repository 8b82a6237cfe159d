/**
 * Tests the whole server over mirrors that fail or ask to be left alone for a moment: no failure that passes is remembered as a
 * fact, and no host is asked against its wish.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as v from "valibot";
import { MirrorsSchema } from "../api/schemas.ts";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const HASHED_ONLY = "[structure]\n0=filename-hash BLAKE2B 8\n";
const FILES = 20;
const content = (i: number): Content => ({ size: 2000 + i, seed: i + 1 });

let folder: TempFolder;
let repository: string;
let upstreams: FakeUpstream[];
let server: TestServer | undefined;

beforeEach(() => {
  folder = createTempFolder();
  upstreams = [];
  const written = writeRepository(folder.file("repository"));
  written.put("app-misc/many", {
    dist: Object.fromEntries(Array.from({ length: FILES }, (_, i) => [`f${i}`, content(i)])),
  });
  repository = written.location;
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  folder.remove();
});

async function startMirror(layoutConf: string | null = HASHED_ONLY, has = FILES): Promise<FakeUpstream> {
  const files = new Map(Array.from({ length: has }, (_, i) => [`f${i}`, content(i)]));
  const upstream = await startFakeUpstream({ files, layoutConf });
  upstreams.push(upstream);
  return upstream;
}

async function start(settings: Record<string, string> = {}): Promise<TestServer> {
  await server?.stop();
  const mirrors = upstreams.map(({ url }) => url);
  const location = folder.file("store");
  const all = { "fetcher.strategy": "ordered", "fetcher.read_ahead": "0", ...settings };
  server = await startServer({ location, mirrors, repos: [repository], settings: all });
  await server.settled;
  return server;
}

async function get(name: string): Promise<Response> {
  return await fetch(`${server?.url}/distfiles/${name}`);
}

async function statusOf(i: number): Promise<number> {
  const response = await get(`f${i}`);
  const body = await response.bytes();
  if (response.status === 200) expect(Buffer.compare(body, readContent(content(i)))).toBe(0);
  return response.status;
}

const answers: readonly [string, Fault][] = [
  ["503", { kind: "status", status: 503 }],
  ["429", { kind: "status", status: 429 }],
  ["403", { kind: "status", status: 403 }],
  ["500", { kind: "status", status: 500 }],
  ["a page of HTML with 200", { kind: "html" }],
  ["a reset", { kind: "reset" }],
  ["half a layout.conf", { kind: "close", after: 12 }],
  ["silence", { kind: "stall-headers" }],
];

for (const [name, fault] of answers) {
  test(`${name} for layout.conf, once, costs no file, now or after a restart`, async () => {
    const mirror = await startMirror();
    mirror.setFault("layout.conf", { ...fault, times: 1 });
    await start();
    expect([await statusOf(0), await statusOf(1)]).toEqual([200, 200]);
    await start();
    expect(await statusOf(2)).toBe(200);
  });
}

test("a mirror that never tells its layout is used all the same, be it hashed or flat", async () => {
  for (const layoutConf of [HASHED_ONLY, "[structure]\n0=flat\n"]) {
    const mirror = await startMirror(layoutConf);
    mirror.setFault("layout.conf", { kind: "status", status: 503 });
  }
  for (const [i, upstream] of [...upstreams].entries()) {
    upstreams = [upstream];
    await start();
    expect(await statusOf(i)).toBe(200);
  }
});

test("a 404 at a mirror whose layout is unknown is a failure that is not remembered", async () => {
  const mirror = await startMirror("[structure]\n0=filename-hash SHA1 8\n");
  mirror.setFault("layout.conf", { kind: "status", status: 503, times: 1 });
  await start();
  const response = await get("f0");
  expect([response.status, response.headers.get("retry-after")]).toEqual([502, "30"]);
  expect(await response.text()).toContain("answered 404, but its layout.conf could not be fetched (answered 503)");
  await Bun.sleep(2_100);
  expect(await statusOf(0)).toBe(200);
});

test("a flat mirror that has no layout.conf is asked for it once, and for each file by one path once it had one", async () => {
  const mirror = await startMirror(null, 5);
  await start();
  expect(await Promise.all([statusOf(0)])).toEqual([200]);
  expect([await statusOf(1), await statusOf(10), await statusOf(11)]).toEqual([200, 404, 404]);
  expect(mirror.requests.map(({ path }) => path)).toEqual([
    "/distfiles/layout.conf",
    ...["f0", "f1", "f10", "f11"].map((name) => `/distfiles/${name}`),
  ]);
});

test("a host that asks to wait is not asked again before that time, and its wish is handed on", async () => {
  const mirror = await startMirror();
  mirror.setFault("*", { kind: "status", status: 429, headers: { "Retry-After": "120" } });
  await start();
  const responses = await Promise.all(Array.from({ length: 12 }, (_, i) => get(`f${i}`)));
  expect(responses.map(({ status }) => status)).toEqual(new Array(12).fill(502));
  for (const response of responses) expect(Number(response.headers.get("retry-after"))).toBeWithin(100, 121);
  expect(mirror.requests.filter(({ file }) => file !== "layout.conf").length).toBeLessThanOrEqual(4);
  const asked = mirror.requests.length;
  expect(await statusOf(13)).toBe(502);
  expect((await fetch(`${server?.url}/distfiles/f14`, { method: "HEAD" })).status).toBe(502);
  expect((await fetch(`${server?.url}/snapshots/x`)).status).not.toBe(200);
  expect(mirror.requests.length).toBe(asked);
  const reported = await (await fetch(`${server?.url}/api/v1/mirrors`)).json();
  const [state] = v.parse(MirrorsSchema, reported).mirrors;
  expect(state?.circuit).toBe("waiting");
  expect(Date.parse(state?.open_until ?? "") - Date.now()).toBeWithin(100_000, 121_000);
  // Over a restart as well.
  await start();
  expect(await statusOf(15)).toBe(502);
  expect(mirror.requests.length).toBe(asked);
});

test("while one mirror asks to wait the others are asked, and it is asked again afterwards", async () => {
  const first = await startMirror();
  const second = await startMirror();
  first.setFault("layout.conf", { kind: "status", status: 503, headers: { "Retry-After": "2" }, times: 1 });
  await start();
  expect([await statusOf(0), await statusOf(1)]).toEqual([200, 200]);
  expect([first.requests.length, second.fileRequests("f1").length]).toEqual([1, 1]);
  await Bun.sleep(2_100);
  expect(await statusOf(2)).toBe(200);
  expect(first.fileRequests("f2").length).toBe(1);
});

test("Retry-After as a date is a wish, too; without one a 503 is a failure like others", async () => {
  const mirror = await startMirror();
  await start();
  const inAMinute = new Date(Date.now() + 60_000).toUTCString();
  mirror.setFault("*", { kind: "status", status: 503, headers: { "Retry-After": inAMinute }, times: 1 });
  const response = await get("f0");
  expect([response.status, Number(response.headers.get("retry-after")) > 40]).toEqual([502, true]);
});
