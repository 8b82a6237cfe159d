import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { createProxy, processesOf, type Remote, serveGit, until } from "../../testing/sync-remotes.ts";
import { createLargeRemote, endSync, type Syncing, startSync } from "../../testing/syncing.ts";
import { createTempFolder, type TempFolder } from "../../testing/temp.ts";

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000);

let temp: TempFolder;
let remote: Remote;
let syncing: Syncing | undefined;

beforeEach(() => {
  temp = createTempFolder();
  remote = createLargeRemote(temp.file("srv/remote.git"));
});
afterEach(async () => {
  await endSync(syncing, temp.path);
  syncing = undefined;
});

/** Starts a process that does nothing but sync the URL, again and again. */
async function spawnServer(url: string) {
  const script = `
    import { createSync } from ${JSON.stringify(join(import.meta.dir, "sync.ts"))};
    import { systemClock } from ${JSON.stringify(join(import.meta.dir, "../../lib/clock.ts"))};
    const log = { warn() {}, info() {}, debug() {}, error() {} };
    createSync({ urls: [${JSON.stringify(url)}], folder: ${JSON.stringify(temp.file("repos"))}, intervalMs: 1,
      environment: process.env, clock: systemClock, log, onSynced: async () => undefined });`;
  await Bun.write(temp.file("server.ts"), script);
  return Bun.spawn([process.execPath, temp.file("server.ts")], { stdout: "ignore", stderr: "inherit" });
}

const ofSync = () => processesOf(temp.file("repos"));

test("a server killed in the middle of a clone leaves no process, and the next one clones anew", async () => {
  await using daemon = await serveGit(temp.file("srv"));
  using proxy = createProxy(daemon.port, 200_000, "hang");
  const url = `git://127.0.0.1:${proxy.port}/remote.git`;
  const server = await spawnServer(url);
  await until(() => proxy.passed > 200_000);
  expect(ofSync().length).toBeGreaterThan(1);
  server.kill("SIGKILL");
  await until(() => ofSync().length === 0);
  const [home = ""] = readdirSync(temp.file("repos"));
  expect(readdirSync(temp.file(`repos/${home}`))).toEqual([expect.stringMatching(/^new-/)]);
  proxy.lift();
  syncing = await startSync(temp.file("repos"), [url]);
  const { location, state } = syncing.status();
  expect([state, readdirSync(temp.file(`repos/${home}`)).sort()]).toEqual([
    "current",
    [basename(realpathSync(location)), "synced"],
  ]);
});

test("a server killed at any moment of an update leaves a complete version, and the next one goes on", async () => {
  const url = `file://${remote.path}`;
  syncing = await startSync(temp.file("repos"), [url]);
  const { location } = syncing.status();
  await syncing.sync.stop();
  const seen = new Set<string>();
  for (let i = 0; i < 8; i++) {
    const server = await spawnServer(url);
    await until(() => ofSync().length > 0);
    const before = realpathSync(location);
    // The commit and the kill come at different moments each time; every other kill comes right after the switch.
    await Bun.sleep(15 * i);
    remote.commit(String(i + 2));
    if (i % 2 === 0) await until(() => realpathSync(location) !== before);
    else await Bun.sleep(8 * i);
    server.kill("SIGKILL");
    await until(() => ofSync().length === 0);
    const root = realpathSync(location);
    const [a, b] = ["app-misc/a", "dev-libs/b"].map((name) => readFileSync(join(root, name, "Manifest"), "utf8"));
    expect([a, existsSync(join(root, "dev-libs/b/files/noise-7"))]).toEqual([b ?? "", true]);
    seen.add(a ?? "");
  }
  expect(seen.size).toBeGreaterThan(3);
  const last = remote.commit("last");
  syncing = await startSync(temp.file("repos"), [url]);
  await syncing.next();
  expect(syncing.status()).toMatchObject({ state: "current", commit: last });
});
