/**
 * Tests SIGHUP: the running executable takes over a new configuration without disturbing transfers.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { readContent } from "../src/testing/content.ts";
import {
  executablePath,
  formatSettings,
  type Server,
  type Settings,
  startExecutable,
} from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const LARGE = { size: 8 * MIB, seed: 1 };
const LIMITED = { size: 64 * MIB, seed: 3 };
const SMALL = { size: 50_000, seed: 2 };

const folder = createTempFolder();
let first: FakeUpstream;
let second: FakeUpstream;
let repositories: readonly [TestRepository, TestRepository];
let server: Server;

beforeAll(async () => {
  first = await startFakeUpstream({
    files: new Map([
      ["large.zip", LARGE],
      ["limited.zip", LIMITED],
    ]),
  });
  first.setFault("large.zip", { kind: "rate", bytesPerSecond: 4 * MIB });
  second = await startFakeUpstream({
    files: new Map([
      ["small.zip", SMALL],
      ["other.zip", SMALL],
    ]),
  });
  repositories = [writeRepository(folder.file("one")), writeRepository(folder.file("two"))];
  repositories[0].put("app-misc/one", { dist: { "large.zip": LARGE, "small.zip": SMALL } });
  repositories[1].put("app-misc/two", { dist: { "other.zip": SMALL } });
  const settings = { fetcher: { mirrors: [first.url], unknown: "deny" }, repo: { repos: [repositories[0].location] } };
  server = await startExecutable({ settings });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await first.close();
  await second.close();
  folder.remove();
});

/** Waits until the log matches the pattern behind position `from`. @returns the log from there on */
async function logged(pattern: RegExp, from: number): Promise<string> {
  for (let i = 0; i < 200; i++) {
    if (pattern.test(server.log().slice(from))) return server.log().slice(from);
    await Bun.sleep(50);
  }
  throw new Error(`${pattern} is not in the log:\n${server.log().slice(from)}`);
}

/** Writes these settings, sends SIGHUP and waits until they are in force. @returns the new part of the log */
async function reload(settings: Settings): Promise<string> {
  const storage = { location: server.location, ...settings["storage"] };
  writeFileSync(server.configFile, formatSettings({ ...settings, storage }));
  return await signal();
}

async function signal(): Promise<string> {
  const from = server.log().length;
  server.signal("SIGHUP");
  return await logged(/SIGHUP: .*\n/, from);
}

const address = { address: "127.0.0.1", port: 0 };
const status = async (name: string) => (await fetch(`${server.url}/distfiles/${name}`)).status;

test("a reload changes mirrors, repositories and limits during a transfer, and names settings that need a restart", async () => {
  const transfer = await fetch(`${server.url}/distfiles/large.zip`, { decompress: false });
  expect([transfer.status, await status("small.zip"), await status("other.zip")]).toEqual([200, 404, 404]);
  const log = await reload({
    server: { ...address, port: 1 },
    storage: { max_size: "2GiB" },
    fetcher: { mirrors: [second.url], unknown: "deny" },
    repo: { repos: repositories.map(({ location }) => location) },
  });
  expect(log).toContain("server.port: 0 -> 1 needs a restart");
  expect(log).toContain("storage.max_size: 50GiB -> 2GiB");
  expect(log).toContain(`fetcher.mirrors: ["${first.url}"] -> ["${second.url}"]`);
  expect(log).toMatch(/SIGHUP: reloaded the configuration from \S+portcache\.toml: 3 settings changed/);
  expect([await status("small.zip"), await status("other.zip")]).toEqual([200, 200]);
  expect(Buffer.compare(await transfer.bytes(), readContent(LARGE))).toBe(0);
  expect(first.fileRequests("large.zip").length).toBe(1);
});

test("an invalid configuration changes nothing, and the log says why", async () => {
  const good = readFileSync(server.configFile, "utf8");
  writeFileSync(server.configFile, '[fetcher]\nmirors = ["http://127.0.0.1:1"]\n');
  expect(await signal()).toMatch(
    /SIGHUP: keeping the configuration as it was: .*portcache\.toml:2: unknown key mirors/,
  );
  expect(await status("small.zip")).toBe(200);
  writeFileSync(server.configFile, good);
  expect(await signal()).toContain(" 0 settings changed");
});

test("the log level changes in both directions, and both changes are logged", async () => {
  const settings = { server: address, repo: { repos: repositories.map(({ location }) => location) } };
  const quiet = await reload({ ...settings, log: { level: "error" } });
  expect(quiet).toContain("log.level: info -> error");
  const from = server.log().length;
  expect(await status("small.zip")).toBe(200);
  expect(await reload({ ...settings, log: { level: "info" } })).toContain("log.level: error -> info");
  expect(server.log().slice(from)).not.toContain("small.zip");
  expect(await status("small.zip")).toBe(200);
  await logged(/small\.zip/, from);
});

test("the server raises its soft limit of open files to the hard limit", async () => {
  const serve = `${executablePath()} --address 127.0.0.1 --port 0 --location ${folder.file("limited")}`;
  const command = `ulimit -Sn 256; ulimit -Hn 3000; exec ${serve} --set repo.repos=${folder.file("one")}`;
  const child = Bun.spawn(["bash", "-c", command], { cwd: "/", stdout: "pipe", stderr: "ignore" });
  try {
    for await (const _line of child.stdout) break;
    const limits = readFileSync(`/proc/${child.pid}/limits`, "utf8");
    expect(limits).toMatch(/^Max open files +3000 +3000 /m);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
});

test("fifty signals at once are handled, and the server continues", async () => {
  const from = server.log().length;
  for (let i = 0; i < 50; i++) server.signal("SIGHUP");
  await logged(/SIGHUP: .*\n/, from);
  expect(await status("small.zip")).toBe(200);
});

test("a limit on all downloads together holds at once for one that is under way, and no more once it is taken back", async () => {
  const settings = (max_rate: string) => ({
    server: address,
    fetcher: { mirrors: [first.url], unknown: "deny", max_rate },
    repo: { repos: [repositories[0].location] },
  });
  repositories[0].put("app-misc/limited", { dist: { "limited.zip": LIMITED } });
  first.setFault("limited.zip", { kind: "rate", bytesPerSecond: 8 * MIB });
  await reload(settings("0"));
  const response = await fetch(`${server.url}/distfiles/limited.zip`, { decompress: false });
  const reader = response.body?.getReader();
  let bytes = 0;
  const readFor = async (ms: number) => {
    const [before, until] = [bytes, performance.now() + ms];
    while (performance.now() < until) {
      const piece = await Promise.race([reader?.read(), Bun.sleep(until - performance.now())]);
      if (!piece || piece.done) break;
      bytes += piece.value.length;
    }
    return bytes - before;
  };
  expect(await reload(settings("256KiB"))).toContain("fetcher.max_rate: 0 -> 256KiB");
  await readFor(500);
  expect(await readFor(2_000)).toBeLessThan(MIB);
  await reload(settings("0"));
  expect(await readFor(2_000)).toBeGreaterThan(4 * MIB);
  await reader?.cancel();
});
