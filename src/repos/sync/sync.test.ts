import { afterAll, afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { createProxy, createRemote, type Remote, serveGit, until } from "../../testing/sync-remotes.ts";
import { endSync, INTERVAL_MS, type Syncing, startSync } from "../../testing/syncing.ts";
import { createTempFolder, type TempFolder } from "../../testing/temp.ts";
import { syncedLocation } from "./versions.ts";

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000);

let temp: TempFolder;
let syncing: Syncing;

beforeEach(() => {
  temp = createTempFolder();
});
afterEach(() => endSync(syncing, temp.path));

function remoteAt(path: string): Remote & { readonly url: string } {
  const remote = createRemote(temp.file(path));
  remote.commit("1");
  return { ...remote, url: `file://${remote.path}` };
}

async function start(urls: readonly string[], settle = true): Promise<Syncing> {
  syncing = await startSync(temp.file("repos"), urls, settle);
  return syncing;
}

const MINUTE = 60_000;
const problems = () => syncing.sync.status().map(({ problem = "" }) => problem);

test("each URL has its own folder, and a failing one delays no other", async () => {
  const [a, b] = [remoteAt("a/remote.git"), remoteAt("b/remote.git")];
  const { sync } = await start([a.url, `file://${temp.path}/none`, b.url, a.url]);
  expect(sync.status().map(({ url, state }) => [url, state])).toEqual([
    [a.url, "current"],
    [`file://${temp.path}/none`, "failing"],
    [b.url, "current"],
  ]);
  expect(readdirSync(temp.file("repos")).filter((name) => !name.startsWith("."))).toHaveLength(2);
});

test("the location of a cloned repository is known without a sync", async () => {
  const { url } = remoteAt("remote");
  expect(syncedLocation(temp.file("repos"), url)).toBeUndefined();
  const { status } = await start([url]);
  expect(syncedLocation(temp.file("repos"), url)).toBe(status().location);
  rmSync(status().location.replace(/([^/]+)$/, ".$1"), { recursive: true });
  expect(syncedLocation(temp.file("repos"), url)).toBeUndefined();
});

test("after a restart a repository is synced when it is due, and leftovers of a killed run are removed", async () => {
  const remote = remoteAt("remote");
  await start([remote.url]);
  await syncing.sync.stop();
  const home = syncing.status().location.replace(/([^/]+)$/, ".$1");
  for (const name of ["new-x/app-misc", "20250101T000000.000Z-old"]) mkdirSync(join(home, name), { recursive: true });
  symlinkSync("nowhere", join(home, "link"));
  remote.commit("2");
  const { status, clock, events, next } = await start([remote.url]);
  expect(status()).toMatchObject({ state: "current", syncedAt: clock.now(), nextAt: clock.now() + INTERVAL_MS });
  expect([events, readdirSync(home).length]).toEqual([[], 2]);
  await next();
  expect(events).toMatchObject([{ first: false }]);
});

test("an interval of 0 clones a repository, with retries, and never syncs it again", async () => {
  const remote = remoteAt("remote");
  renameSync(remote.path, `${remote.path}.away`);
  const { sync, clock, status } = await start([remote.url]);
  await sync.configure([remote.url], 0);
  renameSync(`${remote.path}.away`, remote.path);
  await clock.advance(MINUTE);
  await until(() => status().state === "current");
  const { commit } = status();
  remote.commit("2");
  await clock.advance(400 * 24 * 60 * MINUTE);
  expect(status()).toMatchObject({ commit, nextAt: undefined });
  await sync.configure([remote.url], INTERVAL_MS);
  await until(() => status().commit !== commit);
});

test("a failed first clone is tried again after 1, 2, 4 … minutes", async () => {
  const { clock, status, next } = await start([`file://${temp.path}/none`]);
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    waits.push(((status().nextAt ?? 0) - clock.now()) / MINUTE);
    await next();
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
});

test("configure() starts new repositories, stops removed ones, and leaves their folders alone", async () => {
  const [a, b] = [remoteAt("a"), remoteAt("b")];
  const { sync, events } = await start([a.url]);
  const { location } = syncing.status();
  await sync.configure([b.url, a.url], INTERVAL_MS);
  await syncing.settled();
  expect(sync.status().map(({ url, state }) => [url, state])).toEqual([
    [b.url, "current"],
    [a.url, "current"],
  ]);
  expect(events.map(({ url }) => url)).toEqual([a.url, b.url]);
  await Promise.all([sync.configure([a.url], INTERVAL_MS), sync.configure([b.url], INTERVAL_MS)]);
  expect([sync.status().map(({ url }) => url), existsSync(join(location, "profiles"))]).toEqual([[b.url], true]);
  await sync.stop();
  await sync.configure([a.url], INTERVAL_MS);
  expect(events).toHaveLength(2);
});

test("two repositories are cloned at once, and a waiting third can be removed at once", async () => {
  const remote = createRemote(temp.file("srv/remote"));
  remote.commit("1");
  await using daemon = await serveGit(temp.file("srv"));
  using proxy = createProxy(daemon.port, 10, "hang");
  const urls = ["remote", "remote/", "remote/.git"].map((name) => `git://127.0.0.1:${proxy.port}/${name}`);
  const { sync } = await start(urls, false);
  const of = (state: string) => sync.status().flatMap((one, i) => (one.state === state ? [urls[i] ?? ""] : []));
  await until(() => of("cloning").length === 2);
  await Bun.sleep(50);
  const [cloning, waiting] = [of("cloning"), of("waiting")];
  expect([cloning.length, waiting.length]).toEqual([2, 1]);
  await sync.configure(cloning, INTERVAL_MS);
  proxy.lift();
  await sync.configure(waiting, INTERVAL_MS);
  await syncing.settled();
  expect(problems()).toEqual([""]);
});

test("the next sync waits for onSynced(), whose failure is logged and stops nothing", async () => {
  const remote = remoteAt("remote");
  const { promise: synced, reject } = Promise.withResolvers<void>();
  const { clock, status, messages } = await startSync(temp.file("repos"), [remote.url], false, () => synced).then(
    (one) => {
      syncing = one;
      return one;
    },
  );
  await until(() => status().state === "current");
  const { commit } = status();
  remote.commit("2");
  await clock.advance(2 * INTERVAL_MS);
  await Bun.sleep(100);
  expect(status()).toMatchObject({ commit, nextAt: undefined });
  reject(new Error("the index is full"));
  await until(() => status().commit !== commit);
  expect(messages("error")[0]).toContain("the index is full");
});

test("stop() does not wait for onSynced()", async () => {
  const remote = remoteAt("remote");
  syncing = await startSync(temp.file("repos"), [remote.url], false, () => new Promise(() => undefined));
  await until(() => syncing.status().state === "current");
  await syncing.sync.stop();
  expect(readFileSync(join(syncing.status().location, "profiles/repo_name"), "utf8")).toBe("test\n");
});

test("a folder in place of the link is a problem, and stays", async () => {
  const { url } = remoteAt("remote");
  await start([url]);
  await syncing.sync.stop();
  const { location } = syncing.status();
  rmSync(location);
  mkdirSync(location);
  writeFileSync(join(location, "mine"), "");
  await start([url]);
  expect([syncing.status().state, readdirSync(location)]).toEqual(["failing", ["mine"]]);
});

const small = createTempFolder();
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small.path]).exitCode === 0;
afterAll(() => {
  if (mounted) Bun.spawnSync(["umount", small.path]);
  small.remove();
});

// Needs the right to mount a small tmpfs.
test.skipIf(!mounted)("a full disk leaves the repository as it was, until there is space again", async () => {
  const remote = remoteAt("remote");
  syncing = await startSync(small.file("repos"), [remote.url]);
  const { status, next } = syncing;
  const { commit, location } = status();
  const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(600_000))).toString("latin1");
  remote.write("dev-libs/b/files/large", noise);
  remote.commit("2");
  await next();
  expect(status()).toMatchObject({
    state: "failing",
    commit,
    problem: expect.stringMatching(/the disk is full: \d+ KiB are free$/),
  });
  expect(readdirSync(location.replace(/([^/]+)$/, ".$1")).sort()).toEqual([
    expect.stringContaining(commit ?? ""),
    "synced",
  ]);
  remote.git("rm", "-q", "dev-libs/b/files/large");
  const last = remote.commit("3");
  await next();
  expect(status()).toMatchObject({ state: "current", commit: last });
  expect(basename(location)).toStartWith("remote-");
});
