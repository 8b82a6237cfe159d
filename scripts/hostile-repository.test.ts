/**
 * Measures what one bad repository may cost the executable: the memory and the event loop that 500 ebuilds with large md5-cache
 * entries take, and entries that are devices or pipes.
 */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type TestRepository, writeRepository } from "../src/testing/repository.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(120_000);

const VERSIONS = 500;
const ENTRY_CHARACTERS = 1_000_000;
const MAX_RESIDENT_KIB = 300 * 1024;
/** Of a machine that may be busy; without a limit it was 50 s. */
const MAX_DELAY_MS = 2_000;

let folder: TempFolder;
let repository: TestRepository;
let server: Server | undefined;

beforeEach(() => {
  folder = createTempFolder("portcache-hostile-");
  repository = writeRepository(folder.file("repository"));
});

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
  folder.remove();
});

async function start(): Promise<Server> {
  const location = folder.file("store");
  const settings = {
    storage: { location },
    repo: { repos: [repository.location], evaluate: "never" },
    fetcher: { mirrors: ["http://127.0.0.1:1"] },
  };
  server = await startExecutable({ settings, location });
  return server;
}

/** Returns the largest resident memory that the process has had. */
function mostResidentKib(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

test("500 ebuilds with large md5-cache entries take bounded memory, and never hold up others for long", async () => {
  const names = ["f.zip", "g.zip", "h.zip", "i.zip"];
  const uris = Array.from({ length: 25_000 }, (_, i) => `https://h.test/${i}/aaaaaaaaaaaaaa/file-${i}.zip`);
  const srcUri = uris.join(" ").slice(0, ENTRY_CHARACTERS);
  repository.put("app-misc/foo", {
    dist: Object.fromEntries(names.map((name) => [name, { size: 1000, seed: 1 }])),
    ebuilds: Array.from({ length: VERSIONS }, (_, i) => ({ version: `${i + 1}`, srcUri })),
  });
  const { url, pid } = await start();
  let done = false;
  const clients = names.map(async (name) => (await fetch(`${url}/distfiles/${name}`)).status);
  const answers = Promise.all(clients).finally(() => {
    done = true;
  });
  let longestMs = 0;
  while (!done) {
    const askedAt = performance.now();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    longestMs = Math.max(longestMs, performance.now() - askedAt);
    await Bun.sleep(20);
  }
  expect(await answers).toEqual([502, 502, 502, 502]);
  expect(longestMs).toBeLessThan(MAX_DELAY_MS);
  expect(mostResidentKib(pid)).toBeLessThan(MAX_RESIDENT_KIB);
});

test("md5-cache entries that are a device and a pipe neither kill nor hang fetch by URI", async () => {
  const uri = "https://example.test/v1.zip";
  repository.put("app-misc/foo", {
    dist: { "foo-1.zip": "foo" },
    ebuilds: [{ version: "1", srcUri: `${uri} -> foo-1.zip` }],
  });
  const cache = `${repository.location}/metadata/md5-cache/app-misc`;
  mkdirSync(cache, { recursive: true });
  symlinkSync("/dev/zero", `${cache}/zero-1`);
  execFileSync("mkfifo", [`${cache}/pipe-1`]);
  const { pid, configFile } = await start();
  const { exit, stdout } = await runExecutable(["fetch", uri, "--config", configFile]);
  expect([exit, stdout]).toEqual([1, expect.stringContaining("foo-1.zip: ")]);
  expect(mostResidentKib(pid)).toBeLessThan(MAX_RESIDENT_KIB);
});
