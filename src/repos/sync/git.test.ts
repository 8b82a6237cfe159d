import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { createRemote, manifestLine, QUIET_GIT, type Remote } from "../../testing/sync-remotes.ts";
import { endSync, type Syncing, startSync } from "../../testing/syncing.ts";
import { createTempFolder, type TempFolder } from "../../testing/temp.ts";
import { buildFromGit } from "./git.ts";
import { createCommandRunner } from "./run-command.ts";
import { syncedBytes } from "./versions.ts";

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000);

let temp: TempFolder;
let remote: Remote;
let syncing: Syncing;

beforeEach(() => {
  temp = createTempFolder();
  remote = createRemote(temp.file("remote.git"));
  remote.commit("1");
});
afterEach(() => endSync(syncing, temp.path));

async function start(): Promise<Syncing> {
  syncing = await startSync(temp.file("repos"), [`file://${remote.path}`]);
  return syncing;
}

const location = () => syncing.status().location;
const read = (path: string, root = location()) => readFileSync(join(root, path), "utf8");
const version = () => read("app-misc/a/Manifest").match(/file-(\S+)/)?.[1];
/** Lists the folder of the versions, without the file with the time. */
const kept = () =>
  readdirSync(join(dirname(location()), `.${basename(location())}`))
    .filter((name) => name !== "synced")
    .sort();
const packs = () => readdirSync(join(location(), ".git/objects/pack")).filter((name) => name.endsWith(".pack"));

test("a repository is cloned at the start, its link leads to the version's folder, and it is reported as new", async () => {
  const { status, events, messages } = await start();
  const commit = remote.git("rev-parse", "HEAD");
  expect(location()).toMatch(/\/repos\/remote-[0-9a-f]{8}$/);
  const url = `file://${remote.path}`;
  expect(status()).toMatchObject({ url, state: "current", commit, syncedAt: expect.any(Number) });
  expect(readlinkSync(location())).toEndWith(`-${commit}`);
  expect(read("app-misc/a/Manifest")).toBe(`${manifestLine("1")}\n`);
  expect(syncedBytes(location())).toBeGreaterThan(1_000);
  expect(events).toEqual([{ url, location: location(), first: true }]);
  expect(messages("warning")).toEqual([]);
  // Otherwise every failure would count as damage.
  expect(Bun.spawnSync(["git", "-C", location(), "fsck"]).exitCode).toBe(0);
});

test("an update is a new folder; the previous version stays until the next update, and shares unchanged files", async () => {
  remote.write("eclass/same.eclass", "same");
  remote.commit("1");
  const { next, events } = await start();
  const first = realpathSync(location());
  remote.commit("2");
  await next();
  const second = realpathSync(location());
  expect([version(), kept()]).toEqual(["2", [first, second].map((path) => basename(path))]);
  expect(read("dev-libs/b/Manifest", first)).toBe(`${manifestLine("1")}\n`);
  expect(statSync(join(first, "eclass/same.eclass")).ino).toBe(statSync(join(second, "eclass/same.eclass")).ino);
  expect(events.at(-1)).toEqual({ url: `file://${remote.path}`, location: location(), first: false });
  remote.git("rm", "-rq", "eclass");
  remote.commit("3");
  await next();
  expect([version(), existsSync(join(location(), "eclass")), kept()[0]]).toEqual(["3", false, basename(second)]);
  expect(kept()).toHaveLength(2);
});

test("a sync without a new commit makes no version and no report, but updates the time", async () => {
  const { next, events, status, clock } = await start();
  const before = readlinkSync(location());
  await next();
  expect([readlinkSync(location()), events.length, kept()]).toEqual([before, 1, [basename(before)]]);
  expect(status()).toMatchObject({ state: "current", syncedAt: clock.now() });
});

test("rewritten history is followed, back and forth", async () => {
  const { next } = await start();
  remote.commit("2");
  await next();
  remote.git("reset", "-q", "--hard", "HEAD~1");
  await next();
  expect(version()).toBe("1");
  remote.git("checkout", "-q", "--orphan", "other");
  remote.commit("other");
  remote.git("branch", "-M", "other", "master");
  await next();
  expect(version()).toBe("other");
});

test("a renamed branch is followed", async () => {
  const { next } = await start();
  remote.git("branch", "-m", "master", "main");
  remote.commit("2");
  await next();
  expect([version(), syncing.status().state]).toEqual(["2", "current"]);
});

test("an unreachable remote leaves the repository as it was, and the warning says what is in use and when the next try is", async () => {
  const { next, status, clock, messages } = await start();
  const syncedAt = status().syncedAt ?? 0;
  renameSync(remote.path, `${remote.path}.away`);
  await next();
  expect(status()).toMatchObject({
    state: "failing",
    syncedAt,
    problem: expect.stringContaining("does not appear to"),
  });
  expect(version()).toBe("1");
  const [warning = ""] = messages("warning");
  const at = (ms: number) => new Date(ms).toISOString().replace(".000", "");
  expect(warning).toContain(`Cannot sync repository file://${remote.path}: `);
  expect(warning).toEndWith(
    `; the version of ${at(syncedAt)} stays in use, the next try is at ${at(clock.now() + 60 * 60 * 1000)}`,
  );
  renameSync(`${remote.path}.away`, remote.path);
  remote.commit("2");
  await next();
  expect([version(), status().problem, kept().length]).toEqual(["2", undefined, 2]);
});

test("a remote that is not an ebuild repository never becomes a version", async () => {
  const { next, status } = await start();
  remote.git("rm", "-rq", ".");
  remote.write("README", "moved");
  remote.git("add", "--all");
  remote.git("commit", "-qm", "moved");
  await next();
  expect(status()).toMatchObject({ state: "failing", problem: expect.stringContaining("not an ebuild repository") });
  expect([version(), kept().length]).toEqual(["1", 1]);
  await syncing.sync.stop();
  syncing = await startSync(temp.file("others"), [`file://${remote.path}`]);
  expect([syncing.status().state, existsSync(location())]).toEqual(["failing", false]);
});

test("an empty git repository is a problem with that reason", async () => {
  remote = createRemote(temp.file("empty"));
  const { status } = await start();
  expect(status()).toMatchObject({ state: "failing", problem: "the repository is empty" });
});

test("filters and submodules of a repository are not run, and links out of it stay links", async () => {
  const trap = temp.file("trap");
  remote.write(".gitattributes", "* filter=lfs\n*.x filter=evil\n");
  remote.write(".gitconfig", `[filter "evil"]\n\tsmudge = touch ${trap}\n`);
  remote.write(".gitmodules", `[submodule "s"]\n\tpath = s\n\turl = ext::touch ${trap}\n\tupdate = !touch ${trap}\n`);
  remote.write("-rf.x", "a name that looks like an option");
  symlinkSync("/etc/passwd", join(remote.path, "profiles/evil"));
  remote.git("add", "--all");
  remote.git("update-index", "--add", "--cacheinfo", `160000,${remote.git("rev-parse", "HEAD")},s`);
  remote.git("commit", "-qm", "evil");
  const { next } = await start();
  remote.git("commit", "-q", "--allow-empty", "-m", "again");
  await next();
  expect([kept().length, existsSync(trap), read("-rf.x")]).toEqual([2, false, "a name that looks like an option"]);
  expect(readdirSync(join(location(), "s"))).toEqual([]);
  expect(lstatSync(join(location(), "profiles/evil")).isSymbolicLink()).toBe(true);
});

test("user@host:path uses ssh without prompts", async () => {
  // This ssh records its arguments, and runs the command locally.
  const ssh = `#!/bin/sh\necho "$@" > ${temp.file("called")}\nfor command; do :; done\nexec sh -c "$command"\n`;
  writeFileSync(temp.file("ssh"), ssh, { mode: 0o755 });
  const environment = { PATH: `${temp.path}:${process.env["PATH"]}` };
  const run = createCommandRunner({ environment, clock: systemClock, signal: new AbortController().signal });
  const target = temp.file("built");
  const commit = await buildFromGit({ url: `git@host:${remote.path}`, target, previous: undefined, run });
  expect([commit, existsSync(join(target, "profiles/repo_name"))]).toEqual([remote.git("rev-parse", "HEAD"), true]);
  expect(readFileSync(temp.file("called"), "utf8")).toMatch(/^-o BatchMode=yes .* git@host git-upload-pack /);
});

test.each([
  ["the objects", (git: string) => truncateSync(join(git, "objects/pack", packs()[0] ?? ""), 100)],
  ["all objects", (git: string) => rmSync(join(git, "objects"), { recursive: true })],
  ["HEAD", (git: string) => truncateSync(join(git, "HEAD"), 0)],
  ["the configuration", (git: string) => writeFileSync(join(git, "config"), "[")],
  ["the branch", (git: string) => writeFileSync(join(git, "refs/heads/master"), "")],
  ["the list of shallow commits", (git: string) => writeFileSync(join(git, "shallow"), "x\n")],
  ["the index", (git: string) => truncateSync(join(git, "index"), 50)],
])("where the disk lost %s, the repository is cloned anew", async (_, damage) => {
  const { next, status } = await start();
  damage(join(location(), ".git"));
  remote.commit("2");
  await next();
  expect([status().problem, version()]).toEqual([undefined, "2"]);
  remote.commit("3");
  await next();
  expect([status().problem, version()]).toEqual([undefined, "3"]);
});

test("packs are joined, and old objects are removed", async () => {
  const { next } = await start();
  let most = 0;
  for (let i = 2; i <= 30; i++) {
    remote.commit(String(i));
    await next();
    most = Math.max(most, packs().length);
  }
  expect(version()).toBe("30");
  expect(most).toBe(20);
  const { stdout } = Bun.spawnSync(["git", "-C", location(), "count-objects", "-v"]);
  expect(stdout.toString()).toContain("count: 0\n");
  expect(packs().length).toBeLessThan(12);
});

test("a reader that resolves the link once sees one complete version, through many switches", async () => {
  for (let i = 0; i < 200; i++) remote.write(`cat-${i % 10}/p${i}/Manifest`, "DIST same 1\n");
  remote.commit("0");
  const { next } = await start();
  let reading = true;
  const seen = new Set<string>();
  const mixtures: string[] = [];
  const reader = (async () => {
    while (reading) {
      const root = realpathSync(location());
      const a = read("app-misc/a/Manifest", root);
      let files = 0;
      for (let i = 0; i < 200; i++) if (existsSync(join(root, `cat-${i % 10}/p${i}/Manifest`))) files++;
      await Bun.sleep(1);
      const b = read("dev-libs/b/Manifest", root);
      seen.add(a);
      if (a !== b || files !== 200) mixtures.push(`${a}${b}${files}`);
    }
  })();
  for (let i = 1; i <= 10; i++) {
    remote.commit(String(i));
    await next();
  }
  reading = false;
  await reader;
  expect(mixtures).toEqual([]);
  expect(seen.size).toBeGreaterThan(7);
});

test("a repository with a file beyond all measure is refused before it is checked out, and stays as it was", async () => {
  const { next, status } = await start();
  const before = realpathSync(location());
  remote.write("profiles/zeros", "");
  truncateSync(join(remote.path, "profiles/zeros"), 300 * 1024 * 1024);
  remote.commit("2");
  await next();
  expect(status()).toMatchObject({
    state: "failing",
    problem: 'the repository has a file "profiles/zeros" of 300 MiB: expected at most 64.0 MiB',
  });
  expect([realpathSync(location()), version()]).toEqual([before, "1"]);
  const known = kept();
  await next();
  expect(kept()).toEqual(known);
});

test("a repository of few objects but a million folders is refused before it is checked out", async () => {
  const { next, status } = await start();
  const objectOf = (input: string, ...args: string[]) => {
    const child = Bun.spawnSync(["git", "-C", remote.path, ...args], { stdin: Buffer.from(input), env: QUIET_GIT });
    return child.stdout.toString().trim();
  };
  let tree = objectOf(`100644 blob ${objectOf("x", "hash-object", "-w", "--stdin")}\tf\n`, "mktree");
  for (let depth = 0; depth < 100; depth++) tree = objectOf(`040000 tree ${tree}\ta\n`, "mktree");
  const folders = Array.from({ length: 10_000 }, (_, i) => `040000 tree ${tree}\td${i}\n`).join("");
  const top = objectOf(`${folders}040000 tree ${tree}\tprofiles\n`, "mktree");
  remote.git("reset", "--soft", objectOf("", "commit-tree", top, "-p", "HEAD", "-m", "2"));
  await next();
  expect(status()).toMatchObject({
    state: "failing",
    problem: "the repository has too many files: expected at most 1000000",
  });
});
