/**
 * Kills the server with kill -9 during clean-up and verify: after the next start the index agrees with the disk, only complete
 * files are served, and the action can be finished.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { type Content, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const KIB = 1024;
const FILES = 1200;
const SIZE = 20 * KIB;

const folder = createTempFolder("portcache-kill-clean-");
const location = folder.file("store");
const dist: Record<string, Uint8Array> = {};
for (let i = 0; i < FILES; i++) dist[`f-${i}.zip`] = Buffer.alloc(SIZE, `${i} `);
const names = Object.keys(dist);
let mirror: FakeUpstream;

const pathOf = (name: string) => location + distfilePath(name);
const isRight = (name: string) => Buffer.compare(readFileSync(pathOf(name)), readContent(dist[name]!)) === 0;

beforeAll(async () => {
  mirror = await startFakeUpstream({ files: new Map<string, Content>(Object.entries(dist)) });
  writeRepository(folder.file("repository")).put("app-misc/many", { dist });
  for (const name of names) {
    mkdirSync(pathOf(name).replace(/\/[^/]*$/, ""), { recursive: true });
    writeFileSync(pathOf(name), readContent(dist[name]!));
  }
});
afterAll(async () => {
  await mirror.close();
  folder.remove();
});

async function start(storage: Readonly<Record<string, string | number>>): Promise<Server> {
  const fetcher = { mirrors: [mirror.url], read_ahead: 0 };
  const settings = {
    fetcher,
    repo: { repos: [folder.file("repository")] },
    storage: { min_free: 0, scrub: "0", ...storage },
  };
  return await startExecutable({ location, settings });
}

/** Runs an action through the socket; its failure is ignored, because the server may be killed. */
function runAction(action: string, body: object): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const unix = `${location}/portcache.sock`;
  const init = { method: "POST", unix, headers, body: JSON.stringify(body) };
  return fetch(`http://localhost/api/v1/${action}`, init)
    .then((answer) => answer.json())
    .catch(() => undefined);
}

async function kill(server: Server): Promise<void> {
  expect(await server.stop("SIGKILL")).toBe(128 + 9);
  await server[Symbol.asyncDispose]();
}

function onDisk(): readonly string[] {
  const all = readdirSync(`${location}/distfiles`, { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile() && entry.name !== "layout.conf").map(({ name }) => name);
}

/** Expects a sound index with exactly the files on disk. */
function expectAgreement(): void {
  using index = new Database(`${location}/index.sqlite`);
  expect(index.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  const rows = index.query<{ name: string }, []>("SELECT name FROM files").all();
  expect(rows.map(({ name }) => name).toSorted()).toEqual(onDisk().toSorted());
}

/** Waits until the server has compared the store with its index. */
async function untilReconciled(server: Server): Promise<void> {
  for (let i = 0; i < 400 && !server.log().includes("Checked the store"); i++) await Bun.sleep(25);
}

test("after kills during clean-up, rows and files agree and every file is whole", async () => {
  let midway = 0;
  for (let round = 1; round <= 5; round++) {
    // The store is over its limit from the start, so clean-up begins once the store has been scanned.
    const server = await start({ max_size: FILES * SIZE * (1 - round / 8) });
    const before = onDisk().length;
    for (let i = 0; i < 2000 && onDisk().length === before; i++) await Bun.sleep(0);
    await kill(server);
    if (onDisk().length > 0.9 * FILES * (1 - round / 8)) midway++;
  }
  expect(midway).toBeGreaterThan(0);
  const server = await start({ max_size: FILES * SIZE * 0.3 });
  await untilReconciled(server);
  await runAction("clean", {});
  expect(onDisk().length).toBe(Math.round(0.9 * 0.3 * FILES));
  for (const name of onDisk()) expect([name, isRight(name)]).toEqual([name, true]);
  for (const name of names.slice(0, 200)) {
    const answer = await fetch(`${server.url}/distfiles/${name}`, { decompress: false });
    expect([name, Buffer.compare(await answer.bytes(), readContent(dist[name]!))]).toEqual([name, 0]);
  }
  expect(await server.stop()).toBe(0);
  await server[Symbol.asyncDispose]();
  expectAgreement();
}, 60_000);

test("after kills during verify --repair no file is half repaired, and the next run repairs the rest", async () => {
  const storage = { max_size: "1GiB" };
  const first = await start(storage);
  await untilReconciled(first);
  await runAction("verify", { bytes_per_second: 0 });
  expect(await first.stop()).toBe(0);
  await first[Symbol.asyncDispose]();
  const flipped = onDisk().filter((_, i) => i % 10 === 0);
  expect(flipped.length).toBeGreaterThan(20);
  for (const name of flipped) {
    const bytes = readFileSync(pathOf(name));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(pathOf(name), bytes);
    utimesSync(pathOf(name), 5, 5);
  }
  for (let round = 0; round < 3; round++) {
    const server = await start(storage);
    await untilReconciled(server);
    const verifying = runAction("verify", { repair: true, bytes_per_second: 10_000_000 });
    await Bun.sleep(300 + 250 * round);
    await kill(server);
    await verifying;
    // A bad file is unchanged, gone, or repaired: never half written.
    for (const name of flipped) {
      if (existsSync(pathOf(name))) expect(readFileSync(pathOf(name)).length).toBe(SIZE);
    }
  }
  const server = await start(storage);
  await untilReconciled(server);
  await runAction("verify", { repair: true, bytes_per_second: 0 });
  for (const name of onDisk()) expect([name, isRight(name)]).toEqual([name, true]);
  for (const name of flipped) {
    const answer = await fetch(`${server.url}/distfiles/${name}`, { decompress: false });
    expect([name, Buffer.compare(await answer.bytes(), readContent(dist[name]!))]).toEqual([name, 0]);
  }
  expect(await server.stop()).toBe(0);
  await server[Symbol.asyncDispose]();
  expectAgreement();
}, 60_000);
