/**
 * The whole server against mirrors that fail in every way: what the client gets is the right file, or no whole file.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { standardFolder } from "../distfile/layout.ts";
import type { DistfileName } from "../distfile/name.ts";
import { type Content, readContent, sizeOf } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import type { Fault } from "../testing/faults.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { untilStored } from "../testing/stored.ts";
import { createTempFolder } from "../testing/temp.ts";

// Slow mirrors are waited for, and the machine may be busy.
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
// Lies are found by the digest: those who had bytes are broken off, so only held files can hide them from the client.
for (const at of [0, SMALL - 1]) add(`corrupt-at-${at}`, SMALL, [{ kind: "corrupt", at }]);
add("garbage-in-the-rest", SMALL, [{ kind: "reset", at: 1000 }], [{ kind: "garbage", times: 1 }]);

let first: FakeUpstream;
let second: FakeUpstream;
let server: TestServer;
const planted = new Set<string>();

/** Which mirror is asked first depends on what it did before: that one has the faults of the first, for this file. */
function plant(name: string, asked: FakeUpstream, other: FakeUpstream): void {
  const faults = cases.find((one) => one.name === name);
  if (!faults || planted.has(name)) return;
  planted.add(name);
  asked.setFault(name, ...faults.first);
  other.setFault(name, ...faults.second);
}

beforeAll(async () => {
  const tree = writeRepository(folder.file("tree"));
  tree.put("app-misc/faults", { dist });
  const files = new Map(Object.entries(dist));
  first = await startFakeUpstream({ files, onRequest: (name) => plant(name, first, second) });
  second = await startFakeUpstream({ files, onRequest: (name) => plant(name, second, first) });
  const settings = { "fetcher.strategy": "ordered", "fetcher.max_downloads": "200", "log.level": "error" };
  const mirrors = [first.url, second.url];
  server = await startServer({ location: folder.file("store"), mirrors, repos: [tree.location], settings });
  await server.settled;
});

afterAll(async () => {
  await server.stop();
  await first.close();
  await second.close();
  folder.remove();
});

function pathOf(name: string): string {
  return folder.file(`store/distfiles/${standardFolder(name as DistfileName)}/${name}`);
}

test.concurrent.each(cases.map(({ name }) => name))("the client gets the whole right file: %s", async (name) => {
  const response = await fetch(`${server.url}/distfiles/${name}`);
  const bytes = await response.bytes();
  const content = dist[name] as Content;
  expect([response.status, bytes.length]).toEqual([200, sizeOf(content)]);
  expect(Buffer.compare(bytes, readContent(content))).toBe(0);
  await untilStored(`${server.url}/distfiles/${name}`);
  expect(Buffer.compare(readFileSync(pathOf(name)), readContent(content))).toBe(0);
  expect(planted.has(name)).toBe(true);
});

test("where all lie, no client completes the file and the store does not get it", async () => {
  for (const size of [SMALL, LARGE]) {
    const name = `lies-${size}`;
    const content = { size, seed: 77 };
    const tree = writeRepository(folder.file("tree"));
    tree.put(`app-misc/lies-${size}`, { dist: { [name]: content } });
    for (const mirror of [first, second]) {
      mirror.files.set(name, content);
      mirror.setFault(name, { kind: "corrupt", at: size - 2 });
    }
    // Where a scan took long, names that no tree knows are not a reason for another one at once.
    await server.actions.rescan({ full: false }, { onProgress: () => undefined, signal: new AbortController().signal });
    let completed = false;
    try {
      const response = await fetch(`${server.url}/distfiles/${name}`);
      completed = response.status === 200 && (await response.bytes()).length === size;
      expect(size === SMALL ? response.status : 502).toBe(502);
    } catch {
      // Broken off, as it must be once bytes have been sent.
    }
    expect(completed).toBe(false);
    expect(existsSync(pathOf(name))).toBe(false);
  }
});
