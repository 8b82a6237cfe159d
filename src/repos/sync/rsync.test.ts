import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { createProxy, type Daemon, processesOf, serveRsync, until } from "../../testing/sync-remotes.ts";
import { endSync, INTERVAL_MS, type Syncing, startSync } from "../../testing/syncing.ts";
import { createTempFolder, type TempFolder } from "../../testing/temp.ts";

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000);

let temp: TempFolder;
let daemon: Daemon | undefined;
let syncing: Syncing;

beforeEach(async () => {
  temp = createTempFolder();
  write("profiles/repo_name", "test\n");
  put("1");
  daemon = await serveRsync(temp.file("remote"), temp.file("rsyncd.conf"));
});
afterEach(async () => {
  await endSync(syncing, temp.path);
  await daemon?.stop();
});

/** Sets times a minute apart, since rsync compares whole seconds. */
let writes = 0;
function write(path: string, text: string | Uint8Array): void {
  const full = temp.file(`remote/${path}`);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  touch(path);
}
function touch(path: string): void {
  const at = 1_700_000_000 + 60 * ++writes;
  utimesSync(temp.file(`remote/${path}`), at, at);
}

/** Writes two Manifests of the same version. */
function put(version: string): void {
  for (const name of ["app-misc/a", "dev-libs/b"]) write(`${name}/Manifest`, `DIST file-${version} 1\n`);
}

async function start(port = daemon?.port, settle = true): Promise<Syncing> {
  syncing = await startSync(temp.file("repos"), [`rsync://127.0.0.1:${port}/remote`], settle);
  return syncing;
}

const location = () => syncing.status().location;
const read = (path: string, root = location()) => readFileSync(join(root, path), "utf8");
const kept = () =>
  readdirSync(location().replace(/([^/]+)$/, ".$1"))
    .filter((name) => name !== "synced")
    .sort();

test("a repository is copied and updated: unchanged files are shared, and removed files disappear", async () => {
  write("eclass/same.eclass", "same");
  write("old-cat/p/Manifest", "");
  const { next, events } = await start();
  const first = realpathSync(location());
  expect(events).toMatchObject([{ first: true }]);
  put("2");
  rmSync(temp.file("remote/old-cat"), { recursive: true });
  await next();
  const second = realpathSync(location());
  expect(kept()).toEqual([first, second].map((path) => basename(path)));
  expect([read("app-misc/a/Manifest", first), read("app-misc/a/Manifest")]).toEqual([
    "DIST file-1 1\n",
    "DIST file-2 1\n",
  ]);
  expect([existsSync(join(first, "old-cat")), existsSync(join(second, "old-cat"))]).toEqual([true, false]);
  expect(statSync(join(first, "eclass/same.eclass")).ino).toBe(statSync(join(second, "eclass/same.eclass")).ino);
  expect(events.at(-1)).toMatchObject({ first: false });
});

test("a sync without changes makes no version; a removed file, a changed link and a removed category do", async () => {
  write("app-misc/a/gone", "x");
  mkdirSync(temp.file("remote/empty-cat"));
  symlinkSync("a", temp.file("remote/app-misc/link"));
  const { next, clock, status } = await start();
  let before = realpathSync(location());
  const isNew = async () => {
    await next();
    const changed = realpathSync(location()) !== before;
    before = realpathSync(location());
    return changed;
  };
  expect([await isNew(), status().syncedAt]).toEqual([false, clock.now()]);
  rmSync(temp.file("remote/app-misc/a/gone"));
  touch("app-misc/a");
  expect(await isNew()).toBe(true);
  rmSync(temp.file("remote/app-misc/link"));
  symlinkSync("../dev-libs/b", temp.file("remote/app-misc/link"));
  expect(await isNew()).toBe(true);
  rmSync(temp.file("remote/empty-cat"), { recursive: true });
  touch("");
  expect([await isNew(), await isNew()]).toEqual([true, false]);
});

test("links out of the repository, devices and foreign folders are left out, modes are safe, and a motd is not a change", async () => {
  await daemon?.stop();
  writeFileSync(temp.file("motd"), "Welcome to the mirror\n");
  daemon = await serveRsync(temp.file("remote"), temp.file("rsyncd.conf"), [], [`motd file = ${temp.file("motd")}`]);
  symlinkSync("/etc/passwd", temp.file("remote/profiles/evil"));
  symlinkSync("repo_name", temp.file("remote/profiles/good"));
  expect(Bun.spawnSync(["mkfifo", temp.file("remote/fifo")]).exitCode).toBe(0);
  for (const name of [".git/x", "distfiles/x", "packages/x", "local/x"]) write(name, "");
  expect(Bun.spawnSync(["chmod", "6711", temp.file("remote/profiles")]).exitCode).toBe(0);
  const { next } = await start();
  await next();
  expect(kept()).toHaveLength(1);
  expect(readdirSync(location()).sort()).toEqual(["app-misc", "dev-libs", "profiles"]);
  expect(readdirSync(join(location(), "profiles")).sort()).toEqual(["good", "repo_name"]);
  expect(lstatSync(join(location(), "profiles")).mode & 0o7777).toBe(0o755);
});

test("the password in the URL reaches only the daemon, and a wrong one is a failure", async () => {
  await daemon?.stop();
  writeFileSync(temp.file("secrets"), "me:s3cret\n", { mode: 0o600 });
  const lines = ["auth users = me", `secrets file = ${temp.file("secrets")}`];
  daemon = await serveRsync(temp.file("remote"), temp.file("rsyncd.conf"), lines);
  const url = (password: string) => `rsync://me:${password}@127.0.0.1:${daemon?.port}/remote`;
  syncing = await startSync(temp.file("repos"), [url("s3cret")]);
  expect(syncing.status()).toMatchObject({ url: url("").replace("me:", "***"), state: "current" });
  await syncing.sync.configure([], 0);
  await syncing.sync.configure([url("wr0ng")], INTERVAL_MS);
  await syncing.settled();
  await syncing.next();
  expect(syncing.status().problem).toContain("auth failed on module remote");
  expect(syncing.messages().join()).not.toMatch(/s3cret|wr0ng/);
});

test("a missing module, a stopped daemon and an interrupted transfer leave the repository as it was", async () => {
  const { next, status } = await start();
  const before = realpathSync(location());
  put("2");
  await daemon?.stop();
  await next();
  expect([realpathSync(location()), status().problem]).toEqual([before, expect.stringContaining("Connection refused")]);
  daemon = await serveRsync(temp.file("remote"), temp.file("rsyncd.conf"));
  await syncing.sync.stop();
  syncing = await startSync(temp.file("others"), [`rsync://127.0.0.1:${daemon.port}/none`]);
  expect(status().problem).toContain("Connection refused");
  expect(syncing.status().problem).toContain("Unknown module 'none'");
  await syncing.sync.stop();
  for (let i = 0; i < 20; i++) write(`app-misc/a/noise-${i}`, crypto.getRandomValues(new Uint8Array(65_536)));
  using proxy = createProxy(daemon.port, 500_000, "break");
  await start(proxy.port);
  expect([syncing.status().state, existsSync(location()), kept()]).toEqual(["failing", false, []]);
});

test("stop() in the middle of a copy leaves no process and no repository", async () => {
  for (let i = 0; i < 20; i++) write(`app-misc/a/noise-${i}`, crypto.getRandomValues(new Uint8Array(65_536)));
  using proxy = createProxy(daemon?.port ?? 0, 500_000, "hang");
  const { sync } = await start(proxy.port, false);
  await until(() => proxy.passed > 500_000);
  expect(processesOf(temp.file("repos")).length).toBeGreaterThan(1);
  await sync.stop();
  await until(() => processesOf(temp.file("repos")).length === 0);
  expect(existsSync(location())).toBe(false);
});
