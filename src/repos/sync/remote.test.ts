import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createProxy,
  manifestLine,
  processesOf,
  type Remote,
  serveGit,
  serveHttp,
  until,
} from "../../testing/sync-remotes.ts";
import { createLargeRemote, endSync, type Syncing, startSync } from "../../testing/syncing.ts";
import { createTempFolder, type TempFolder } from "../../testing/temp.ts";

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000);

let temp: TempFolder;
let remote: Remote;
let syncing: Syncing;

beforeEach(() => {
  temp = createTempFolder();
  remote = createLargeRemote(temp.file("srv/remote.git"));
});
afterEach(() => endSync(syncing, temp.path));

async function start(url: string, settle = true): Promise<Syncing> {
  syncing = await startSync(temp.file("repos"), [url], settle);
  return syncing;
}

const manifest = () => readFileSync(join(syncing.status().location, "app-misc/a/Manifest"), "utf8");

test("git:// is cloned and updated, and known objects are not sent again", async () => {
  await using daemon = await serveGit(temp.file("srv"));
  using proxy = createProxy(daemon.port, Number.POSITIVE_INFINITY, "break");
  const { next, status } = await start(`git://127.0.0.1:${proxy.port}/remote.git`);
  expect(manifest()).toBe(`${manifestLine("1")}\n`);
  expect(proxy.passed).toBeGreaterThan(500_000);
  const before = proxy.passed;
  const commit = remote.commit("2");
  await next();
  await next();
  expect([manifest(), status().commit]).toEqual([`${manifestLine("2")}\n`, commit]);
  expect(proxy.passed - before).toBeLessThan(10_000);
});

test("smart HTTP uses the credentials of the URL, and no message, file or `ps` shows them", async () => {
  using server = serveHttp(temp.file("srv"), `Basic ${btoa("me:s3cr%t")}`);
  const host = `127.0.0.1:${server.port}`;
  const { next, status, messages } = await start(`http://me:s3cr%25t@${host}/remote.git`, false);
  await until(() => status().state === "cloning");
  const lines: string[] = [];
  while (status().state === "cloning") {
    lines.push(...processesOf(host));
    await Bun.sleep(1);
  }
  expect(lines.length).toBeGreaterThan(0);
  remote.commit("2");
  await syncing.settled();
  await next();
  expect([manifest(), status()]).toMatchObject([`${manifestLine("2")}\n`, { url: `http://***@${host}/remote.git` }]);
  server[Symbol.dispose]();
  await next();
  expect(status().problem).toContain(`unable to access 'http://${host}/remote.git/'`);
  const { location } = status();
  const files = [join(location, ".git/config"), join(location, `../.${location.split("/").at(-1)}/synced`)];
  const shown = [...lines, ...messages(), JSON.stringify(status()), ...files.map((path) => readFileSync(path, "utf8"))];
  expect(shown.filter((text) => text.includes("s3cr"))).toEqual([]);
});

test("wrong credentials fail at once without a prompt, and are not shown", async () => {
  using server = serveHttp(temp.file("srv"), "Basic x");
  const { status, messages } = await start(`http://me:s3cret@127.0.0.1:${server.port}/remote.git`);
  expect(status()).toMatchObject({ state: "failing", problem: expect.stringContaining("Authentication failed") });
  expect(messages("warning").join()).toContain(
    "there is no version to use yet, the next try is at 2026-01-01T00:01:00Z",
  );
  expect(messages().join()).not.toContain("s3cret");
});

test("missing credentials are a failure, not a prompt", async () => {
  using server = serveHttp(temp.file("srv"), "Basic x");
  const { status } = await start(`http://127.0.0.1:${server.port}/remote.git`);
  expect(status().problem).toContain("could not read Username");
});

test("an interrupted transfer leaves nothing behind, in a clone or an update", async () => {
  await using daemon = await serveGit(temp.file("srv"));
  const url = (port: number) => `git://127.0.0.1:${port}/remote.git`;
  const broken = createProxy(daemon.port, 200_000, "break");
  const { status, next, sync } = await start(url(broken.port));
  const { location } = status();
  const home = location.replace(/([^/]+)$/, ".$1");
  expect(status()).toMatchObject({ state: "failing", problem: expect.stringMatching(/early EOF|disconnect|hung up/) });
  expect([existsSync(location), readdirSync(home)]).toEqual([false, []]);
  broken[Symbol.dispose]();
  await sync.configure([], 0);
  using whole = createProxy(daemon.port, 1_200_000, "break");
  await sync.configure([url(whole.port)], 3_600_000);
  await syncing.settled();
  expect(manifest()).toBe(`${manifestLine("1")}\n`);
  for (let i = 0; i < 30; i++) {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    remote.write(`dev-libs/b/files/more-${i}`, Buffer.from(bytes).toString("latin1"));
  }
  remote.commit("2");
  await next();
  expect([status().state, manifest()]).toEqual(["failing", `${manifestLine("1")}\n`]);
  expect(readdirSync(status().location.replace(/([^/]+)$/, ".$1")).sort()).toEqual([expect.any(String), "synced"]);
});

test("a silent remote is given up after the limit, with all its processes", async () => {
  await using daemon = await serveGit(temp.file("srv"));
  using proxy = createProxy(daemon.port, 100, "hang");
  const { status, clock } = await start(`git://127.0.0.1:${proxy.port}/remote.git`, false);
  await until(() => proxy.passed > 100);
  await Bun.sleep(50);
  await clock.advance(119_000);
  expect(status().state).toBe("cloning");
  await clock.advance(1_000);
  await syncing.settled();
  expect(status()).toMatchObject({ state: "failing", problem: "git was stopped: no output for 120 s" });
  await until(() => processesOf(temp.path).length === 0);
});

test("stop() in the middle of a clone leaves no process and no repository", async () => {
  await using daemon = await serveGit(temp.file("srv"));
  using proxy = createProxy(daemon.port, 200_000, "hang");
  const { status, sync, messages } = await start(`git://127.0.0.1:${proxy.port}/remote.git`, false);
  await until(() => proxy.passed > 200_000);
  expect(processesOf(temp.path).length).toBeGreaterThan(1);
  await sync.stop();
  await until(() => processesOf(temp.path).length === 0);
  const home = status().location.replace(/([^/]+)$/, ".$1");
  expect([existsSync(status().location), readdirSync(home).length, messages("warning")]).toEqual([false, 1, []]);
  proxy.lift();
  syncing = await startSync(temp.file("repos"), [`git://127.0.0.1:${proxy.port}/remote.git`]);
  expect(readdirSync(home).filter((name) => name.startsWith("new-"))).toEqual([]);
});
