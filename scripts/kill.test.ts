/**
 * Kills the server with kill -9 at random moments: during downloads, during the first scan, right after a commit. The next
 * start serves every complete file and resumes the part files, whatever happened to the index.
 */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { type GeneratedContent, readContent } from "../src/testing/content.ts";
import { runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, type ReceivedRequest, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { createRandom } from "../src/testing/random.ts";
import { type TestRepository, writeRepository } from "../src/testing/repository.ts";
import { distfilePath, untilStored } from "../src/testing/stored.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const DOWNLOADS = 20;
const KILLS = 3;
const RATE = 2.5 * MIB;
const SEED = Number(process.env["SEED"] ?? Date.now() % 1_000_000);

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: Server | undefined;
let random: () => number;

beforeEach(async () => {
  folder = createTempFolder("portcache-kill-");
  repository = writeRepository(folder.file("repository"));
  mirror = await startFakeUpstream();
  random = createRandom(SEED);
  console.log(`SEED=${SEED} repeats the same moments`);
});

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
  await mirror.close();
  folder.remove();
});

async function start(): Promise<Server> {
  const settings = { fetcher: { mirrors: [mirror.url] }, repo: { repos: [repository.location] } };
  server = await startExecutable({ settings, location: folder.file("store") });
  return server;
}

async function kill(): Promise<void> {
  expect(await server?.stop("SIGKILL")).toBe(128 + 9);
  await server?.[Symbol.asyncDispose]();
  server = undefined;
}

/** Fetches a file and checks it. @returns false if the connection broke */
async function get(url: string, name: string, content: GeneratedContent): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/distfiles/${name}`, { decompress: false });
    const bytes = await answer.bytes();
    // A response that completes must be right, even if the server is killed.
    expect([name, answer.status, Buffer.compare(bytes, readContent(content))]).toEqual([name, 200, 0]);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && /^ECONN|Closed|Refused/.test(String(error.code))) return false;
    throw error;
  }
}

function storedPath(name: string): string {
  return folder.file(`store${distfilePath(name)}`);
}

/** Expects that both databases of a stopped server are sound. */
function expectSoundIndex(): void {
  for (const file of ["index", "trees"]) {
    using database = new Database(folder.file(`store/${file}.sqlite`));
    expect([file, database.query("PRAGMA integrity_check").get()]).toEqual([file, { integrity_check: "ok" }]);
  }
}

/** Returns the sizes of the part files by name. */
function partFiles(): Map<string, number> {
  const partial = folder.file("store/partial");
  return new Map(readdirSync(partial).map((name) => [name, statSync(`${partial}/${name}`).size]));
}

function downloads(): Map<string, GeneratedContent> {
  return new Map(
    Array.from({ length: DOWNLOADS }, (_, i) => [
      `${i % 4 === 0 ? "whole" : "ranged"}-${i}.tar.gz`,
      { size: Math.round((0.5 + 6 * random()) * MIB), seed: 100 + i },
    ]),
  );
}

const damages: readonly (readonly [string, () => void])[] = [
  ["the index as it was left", () => {}],
  ["the index deleted", () => rmSync(folder.file("store/index.sqlite"))],
  [
    "the index overwritten by garbage",
    () => {
      for (const file of ["index", "trees"]) {
        writeFileSync(folder.file(`store/${file}.sqlite`), Buffer.from(readContent({ size: 300_000, seed: 9 })));
      }
    },
  ],
];

/** Returns the first GET of a file since the mirror had `before` requests. */
function firstRequest(name: string, before: number): ReceivedRequest | undefined {
  return mirror.requests.slice(before).find(({ file, method }) => file === name && method === "GET");
}

for (const [state, damage] of damages) {
  test(`after kills during ${DOWNLOADS} downloads, with ${state}, all files are right and part files are resumed`, async () => {
    const files = downloads();
    for (const [name, content] of files) {
      mirror.files.set(name, content);
      const slow = { kind: "rate", bytesPerSecond: RATE } as const;
      mirror.setFault(name, slow, ...(name.startsWith("whole") ? [{ kind: "ignore-range" } as const] : []));
    }
    repository.put("app-misc/many", { dist: Object.fromEntries(files) });
    let resumed = 0;
    let parts = new Map<string, number>();
    for (let round = 0; round <= KILLS; round++) {
      const { url } = await start();
      const before = mirror.requests.length;
      const stored = [...files.keys()].filter((name) => existsSync(storedPath(name)));
      const clients = [...files].map(([name, content]) => get(url, name, content));
      if (round < KILLS) {
        await Bun.sleep(200 + 1000 * random());
        await kill();
      }
      const came = await Promise.all(clients);
      if (round === KILLS) {
        expect(came).toEqual(came.map(() => true));
        for (const name of files.keys()) await untilStored(`${url}/distfiles/${name}`);
      }
      for (const name of stored) expect([name, firstRequest(name, before)]).toEqual([name, undefined]);
      for (const [name, bytes] of parts) {
        const request = firstRequest(name, before);
        if (!request || bytes === 0 || stored.includes(name)) continue;
        expect([name, request.range]).toEqual([name, `bytes=${bytes}-`]);
        if (name.startsWith("ranged")) resumed++;
      }
      parts = partFiles();
      if (round === KILLS - 1) damage();
    }
    // Their number depends on the moments of the kills.
    expect(resumed).toBeGreaterThan(0);
    for (const [name, content] of files) {
      expect([name, Buffer.compare(readFileSync(storedPath(name)), readContent(content))]).toEqual([name, 0]);
    }
    expect([...parts.keys()]).toEqual([]);
    await kill();
    expectSoundIndex();
  }, 30_000);
}

test("a file that was committed right before a kill is served without another request upstream", async () => {
  const files = Array.from(
    { length: 5 },
    (_, i) => [`f-${i}.zip`, { size: i % 2 === 0 ? 3000 : 5 * MIB, seed: i }] as const,
  );
  for (const [name, content] of files) mirror.files.set(name, content);
  repository.put("app-misc/some", { dist: Object.fromEntries(files) });
  for (const [name, content] of files) {
    expect(await get((await start()).url, name, content)).toBe(true);
    await kill();
    expectSoundIndex();
  }
  const { url } = await start();
  for (const [name, content] of files) {
    expect(await get(url, name, content)).toBe(true);
    expect([name, mirror.fileRequests(name).length]).toEqual([name, 1]);
  }
});

test("a complete part file with upstream's modification time is committed, not deleted as old", async () => {
  const content = { size: 5 * MIB, seed: 1 };
  mirror.files.set("f.zip", content);
  repository.put("app-misc/one", { dist: { "f.zip": content } });
  const part = folder.file("store/partial/f.zip");
  mkdirSync(folder.file("store/partial"), { recursive: true });
  writeFileSync(part, readContent(content));
  // A kill between setting the time and renaming leaves such a part.
  utimesSync(part, new Date(), new Date("2001-02-03"));
  const { url } = await start();
  await Bun.sleep(200);
  expect(await get(url, "f.zip", content)).toBe(true);
  expect(mirror.fileRequests("f.zip")).toEqual([]);
});

test("after kills during first scans, one complete scan finds all packages", async () => {
  const packages = 1500;
  for (let i = 0; i < packages; i++) {
    const sha512 = i.toString(16).padStart(128, "0");
    repository.put(`cat-${i % 30}/p-${i}`, { dist: { [`p-${i}.zip`]: { digests: { size: 1 + i, sha512 } } } });
  }
  for (let round = 0; round < 6; round++) {
    // Each scan starts from nothing, but the last one continues a killed one.
    if (round < 5)
      for (const suffix of ["", "-wal", "-shm"]) {
        rmSync(folder.file(`store/index.sqlite${suffix}`), { force: true });
        rmSync(folder.file(`store/trees.sqlite${suffix}`), { force: true });
      }
    await start();
    await Bun.sleep(60 * random());
    await kill();
    expectSoundIndex();
  }
  const { url } = await start();
  for (let i = 0; i < packages; i += 100 + Math.floor(100 * random())) {
    const answer = await fetch(`${url}/distfiles/p-${i}.zip`);
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining(`cat-${i % 30}/p-${i}`)]);
  }
  await kill();
  using repositories = new Database(folder.file("store/trees.sqlite"));
  expect(repositories.query("SELECT count(DISTINCT name) AS n FROM dist_entries").get()).toEqual({ n: packages });
});

test("a damaged database of the repositories is rebuilt by a scan while the server runs", async () => {
  const sha512 = "a".repeat(128);
  for (let i = 0; i < 300; i++)
    repository.put(`cat/p-${i}`, { dist: { [`p-${i}.zip`]: { digests: { size: 1 + i, sha512 } } } });
  const { url } = await start();
  expect((await fetch(`${url}/distfiles/p-7.zip`)).status).toBe(404);
  await server?.stop();
  await server?.[Symbol.asyncDispose]();
  const path = folder.file("store/trees.sqlite");
  const bytes = readFileSync(path);
  // This page is not read at the start.
  using database = new Database(path);
  const page = database.query("SELECT rootpage FROM sqlite_schema WHERE name = 'dist_entries_sha512'").values()[0]?.[0];
  bytes.fill(0xff, (Number(page) - 1) * 4096, Number(page) * 4096);
  writeFileSync(path, bytes);
  const again = await start();
  for (let waited = 0; !again.log().includes("starting over with a new one") && waited < 10_000; waited += 50) {
    await Bun.sleep(50);
  }
  let text = "";
  for (let tries = 0; !text.includes("cat/p-7") && tries < 100; tries++) {
    await Bun.sleep(50);
    text = await fetch(`${again.url}/distfiles/p-7.zip`).then(
      (answer) => answer.text(),
      () => "",
    );
  }
  expect(text).toContain("cat/p-7");
  expect(existsSync(`${path}.damaged`)).toBe(true);
  // Removed while it is in use.
  rmSync(path);
  await fetch(`${again.url}/distfiles/unknown.zip`);
  for (let waited = 0; !existsSync(path) && waited < 10_000; waited += 50) await Bun.sleep(50);
  expect(existsSync(path)).toBe(true);
  await kill();
  expectSoundIndex();
});

test("a killed server releases the store; a running one keeps a second server out", async () => {
  await start();
  await kill();
  const { pid, configFile, url } = await start();
  const second = await runExecutable(["serve", "--config", configFile]);
  expect([second.exit, second.stderr]).toEqual([1, expect.stringContaining(`process ${pid}`)]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});
