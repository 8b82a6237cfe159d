/**
 * Runs the whole server with mirrors that fail in every way: the client gets the right file, or no complete one.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Content, readContent, sizeOf } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer, UNATTENDED } from "../testing/server.ts";
import { distfilePath, untilStored } from "../testing/stored.ts";
import { createTempFolder } from "../testing/temp.ts";

// Slow mirrors take time, and the machine may be busy.
setDefaultTimeout(60_000);

const SMALL = 300_000;
const LARGE = 6 * 1024 * 1024 + 12_345;

const folder = createTempFolder();
const dist: Record<string, Content> = {};
const cases: { readonly name: string; readonly size: number; readonly first: Fault[]; readonly second: Fault[] }[] = [];

function add(label: string, size: number, first: Fault[], second: Fault[] = []): void {
  const name = `${label.replaceAll(/[^A-Za-z0-9]+/g, "-")}-${cases.length}.tar.xz`;
  dist[name] = { size, seed: cases.length + 1 };
  cases.push({ name, size, first, second });
}

for (const size of [SMALL, LARGE]) {
  for (const at of [0, 1, Math.floor(size / 2), size - 1]) {
    for (const kind of ["reset", "close", "stall"] as const) {
      add(`${kind}-at-${at}`, size, [{ kind, at }]);
      if (kind !== "stall") add(`${kind}-at-${at}-range-ignored`, size, [{ kind, at }], [{ kind: "ignore-range" }]);
    }
  }
  add("stall-headers", size, [{ kind: "stall-headers" }]);
  add("trickle", size, [{ kind: "rate", bytesPerSecond: 100, at: 1000 }]);
  for (const status of [403, 404, 416, 429, 500, 503]) add(`status-${status}`, size, [{ kind: "status", status }]);
  add("html", size, [{ kind: "html" }]);
  add("gzip", size, [{ kind: "gzip" }]);
  add("longer", size, [{ kind: "longer" }]);
  add("longer-chunked", size, [{ kind: "longer" }, { kind: "chunked" }]);
  add("shorter", size, [{ kind: "shorter" }]);
  add("shorter-chunked", size, [{ kind: "shorter" }, { kind: "chunked" }]);
  add("redirect-loop", size, [{ kind: "redirect-loop" }]);
  add("chunked", size, [{ kind: "chunked" }]);
  add("close-delimited", size, [{ kind: "close-delimited" }]);
  for (const kind of ["wrong-total", "wrong-start"] as const) {
    add(`${kind}-in-the-rest`, size, [{ kind: "reset", at: 1000, times: 1 }], [{ kind }]);
  }
}
// Wrong bytes are found by the digest. Clients that received bytes are reset, so only files that are held can hide it from them.
for (const at of [0, SMALL - 1]) add(`corrupt-at-${at}`, SMALL, [{ kind: "corrupt", at }]);
add("garbage-in-the-rest", SMALL, [{ kind: "reset", at: 1000 }], [{ kind: "garbage", times: 1 }]);

let first: FakeUpstream;
let second: FakeUpstream;
let server: TestServer;
const planted = new Set<string>();

/** Gives the mirror that is asked first the faults of the first; the order depends on what the mirrors did before. */
function plant(name: string, asked: FakeUpstream, other: FakeUpstream): void {
  const faults = cases.find((one) => one.name === name);
  if (!faults || planted.has(name)) return;
  planted.add(name);
  asked.setFault(name, ...faults.first);
  other.setFault(name, ...faults.second);
}

beforeAll(async () => {
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/faults", { dist });
  const files = new Map(Object.entries(dist));
  first = await startFakeUpstream({ files, onRequest: (name) => plant(name, first, second) });
  second = await startFakeUpstream({ files, onRequest: (name) => plant(name, second, first) });
  const settings = { "fetcher.strategy": "ordered", "fetcher.max_downloads": "200", "log.level": "error" };
  const mirrors = [first.url, second.url];
  server = await startServer({ location: folder.file("store"), mirrors, repos: [repository.location], settings });
  await server.settled;
});

afterAll(async () => {
  await server.stop();
  await first.close();
  await second.close();
  folder.remove();
});

function pathOf(name: string): string {
  return folder.file(`store${distfilePath(name)}`);
}

test.concurrent.each(cases.map(({ name }) => name))("the client gets the complete file: %s", async (name) => {
  const response = await fetch(`${server.url}/distfiles/${name}`);
  const bytes = await response.bytes();
  const content = dist[name] as Content;
  expect([response.status, bytes.length]).toEqual([200, sizeOf(content)]);
  expect(Buffer.compare(bytes, readContent(content))).toBe(0);
  await untilStored(`${server.url}/distfiles/${name}`);
  expect(Buffer.compare(readFileSync(pathOf(name)), readContent(content))).toBe(0);
  expect(planted.has(name)).toBe(true);
});

test("if all mirrors send wrong bytes, no client completes the file and it is not stored", async () => {
  for (const size of [SMALL, LARGE]) {
    const name = `corrupt-${size}`;
    const content = { size, seed: 77 };
    const repository = writeRepository(folder.file("repository"));
    repository.put(`app-misc/corrupt-${size}`, { dist: { [name]: content } });
    for (const mirror of [first, second]) {
      mirror.files.set(name, content);
      mirror.setFault(name, { kind: "corrupt", at: size - 2 });
    }
    // After a long scan an unknown name does not cause another one at once.
    await server.actions.rescan({ full: false }, UNATTENDED);
    let completed = false;
    try {
      const response = await fetch(`${server.url}/distfiles/${name}`);
      completed = response.status === 200 && (await response.bytes()).length === size;
      expect(size === SMALL ? response.status : 502).toBe(502);
    } catch {
      // The transfer is reset, as it must be after the first bytes.
    }
    expect(completed).toBe(false);
    expect(existsSync(pathOf(name))).toBe(false);
  }
});
