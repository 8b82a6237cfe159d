/**
 * Runs the commands of the executable with and without a server on the store: what they print, change, and exit with.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import {
  executablePath,
  formatSettings,
  runExecutable,
  type Server,
  startExecutable,
} from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../src/testing/repository.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";

let folder: TempFolder;
let repository: TestRepository;
let server: Server | undefined;
let config: string;
let mirror: FakeUpstream;

beforeEach(async () => {
  mirror = await startFakeUpstream();
  folder = createTempFolder("portcache-commands-");
  repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/one", { dist: { "one-1.tar": "one", "two-1.tar": "two" } });
  config = folder.file("portcache.toml");
  writeFileSync(config, formatSettings(settings()));
});

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
  await mirror.close();
  folder.remove();
});

function settings() {
  return {
    storage: { location: folder.file("store") },
    repo: { repos: [repository.location] },
    fetcher: { mirrors: [mirror.url] },
  };
}

async function serve(): Promise<Server> {
  server = await startExecutable({ settings: settings(), location: folder.file("store") });
  return server;
}

const run = (...args: string[]) => runExecutable([...args, "--config", config], { env: { LC_ALL: "C" } });

for (const where of ["without a server", "with a server"]) {
  test(`index shows what the repositories hold, ${where}`, async () => {
    if (where === "with a server") await serve();
    else mkdirSync(folder.file("store/distfiles"), { recursive: true });
    const { exit, stdout, stderr } = await run("index", "--json");
    expect([exit, stderr]).toEqual([0, ""]);
    const report = JSON.parse(stdout);
    expect(report.repositories).toEqual([
      expect.objectContaining({ name: "gentoo", packages: 1, distfiles: 2, problem: null }),
    ]);
    repository.put("app-misc/more", { dist: { "more-1.tar": "more" } });
    const again = await run("index", "--full");
    expect([again.exit, again.stderr]).toEqual([0, ""]);
    expect(again.stdout).toMatch(/^Repository +Packages +Distfiles +Time +Location\ngentoo +2 +3 +.+repository\n$/);
  });
}

for (const where of ["without a server", "with a server"]) {
  test(`import adopts files, and clean reports, ${where}`, async () => {
    mkdirSync(folder.file("distdir"));
    for (const name of ["one-1.tar", "two-1.tar"]) writeFileSync(folder.file(`distdir/${name}`), name.slice(0, 3));
    writeFileSync(folder.file("distdir/none.tar"), "none");
    if (where === "with a server") await serve();
    const imported = await run("import", folder.file("distdir"));
    expect([imported.exit, imported.stderr]).toEqual([0, ""]);
    expect(imported.stdout).toMatch(
      /^2 files imported from .+, 6 B, in .+\.\n1 skipped: in no Manifest\n {2}none\.tar\n$/,
    );
    const again = await run("import", folder.file("distdir"), "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({
      scanned: 3,
      adopted: 0,
      present: 2,
      skipped: [{ reason: "unknown", files: 1, examples: ["none.tar"] }],
    });
    const clean = await run("clean", "--json");
    expect([clean.exit, JSON.parse(clean.stdout)]).toEqual([
      0,
      expect.objectContaining({
        dry_run: false,
        files: 0,
        removed: [],
        before: expect.objectContaining({ used_bytes: 6 }),
      }),
    ]);
    const plan = await run("clean", "--dry-run", "--set", "storage.max_size=4");
    if (where === "without a server") {
      expect(plan.stdout).toContain("least valuable");
      expect(plan.stdout).toContain("Would remove 1 file (3 B); the store would shrink from 6 B to 3 B.");
    } else {
      expect(plan.stdout).toBe("Nothing to remove: the store is within its limits.\n");
    }
    expect([plan.exit, plan.stderr]).toEqual([
      0,
      where === "with a server"
        ? expect.stringMatching(/the running server uses its own configuration: --set storage\.max_size\n$/)
        : "",
    ]);
  });
}

for (const where of ["without a server", "with a server"]) {
  test(`verify finds bad files and --repair repairs them, ${where}`, async () => {
    mkdirSync(folder.file("distdir"));
    for (const name of ["one-1.tar", "two-1.tar"]) writeFileSync(folder.file(`distdir/${name}`), name.slice(0, 3));
    await run("import", folder.file("distdir"));
    if (where === "with a server") await serve();
    const good = await run("verify");
    expect([good.exit, good.stdout]).toEqual([
      0,
      expect.stringMatching(/^2 files read, 6 B, in .+\.\nNo bad files\.\n$/),
    ]);
    writeFileSync(folder.file(`store${distfilePath("two-1.tar")}`), "tvo");
    const bad = await run("verify", "--json");
    expect([bad.exit, JSON.parse(bad.stdout).bad]).toEqual([
      1,
      [{ name: "two-1.tar", size: 3, problem: "does not match its Manifest", outcome: "unrepaired" }],
    ]);
    const mended = await run("verify", "--repair", "--rate", "0");
    expect([mended.exit, mended.stdout]).toEqual([
      0,
      expect.stringMatching(/two-1\.tar +3 B +removed +does not match/),
    ]);
    expect(await run("verify")).toMatchObject({ exit: 0, stdout: expect.stringContaining("1 file read") });
  });
}

for (const where of ["without a server", "with a server"]) {
  test(`fetch reads names from standard input and reports failures, ${where}`, async () => {
    if (where === "with a server") await serve();
    mirror.files.set("one-1.tar", "one");
    const piped = await runExecutable(["fetch", "-", "--config", config], { stdin: "one-1.tar\ntwo-1.tar\n" });
    expect([piped.exit, piped.stderr]).toEqual([1, ""]);
    expect(piped.stdout).toMatch(/^two-1\.tar: .*404.*\n\n1 file fetched, 3 B, in .+\.\n1 of 2 files failed\.\n$/);
    const json = await run("fetch", "--package", "app-misc/one", "--json");
    expect([json.exit, JSON.parse(json.stdout)]).toEqual([
      1,
      expect.objectContaining({ files: 2, present: 1, failed: 1 }),
    ]);
  });
}

test("status shows the store and its server, before it has started and after the server has gone", async () => {
  mkdirSync(folder.file("store/distfiles"), { recursive: true });
  const before = await run("status", "--json");
  expect([before.exit, JSON.parse(before.stdout)]).toEqual([
    0,
    expect.objectContaining({ running: false, locked: false, health: null, downloads: [] }),
  ]);
  expect(readdirSync(folder.file("store"))).toEqual(["distfiles"]);
  mirror.files.set("one-1.tar", "one").set("two-1.tar", { size: 300_000, seed: 1 });
  mirror.setFault("two-1.tar", { kind: "rate", bytesPerSecond: 100_000 });
  repository.put("app-misc/one", { dist: { "one-1.tar": "one", "two-1.tar": { size: 300_000, seed: 1 } } });
  const { url } = await serve();
  for (let i = 0; i < 3; i++) expect(await (await fetch(`${url}/distfiles/one-1.tar`)).text()).toBe("one");
  const slow = fetch(`${url}/distfiles/two-1.tar`).then((answer) => answer.bytes());
  await Bun.sleep(300);
  const during = await run("status");
  expect(during.stdout).toMatch(/^portcache [\d.]+: ok, up .+\nStore +\d+ B of 50\.0 GiB -+ in 1 file, /);
  expect(during.stdout).toContain("67% (2 hits, 1 miss)");
  expect(during.stdout).toMatch(/\n {2}two-1\.tar {2}[#-]{10,20} {2}\d+% of 293 KiB {2}/);
  await slow;
  await server?.stop("SIGTERM");
  const after = JSON.parse((await run("status", "--json")).stdout);
  expect(after).toMatchObject({ running: false, store: { files: 2 }, repositories: { packages: 1, distfiles: 2 } });
  expect(after.all_time).toMatchObject({ hits: 2, misses: 2, hit_ratio: 0.5, bytes_saved: 6, bytes_fetched: 300_003 });
});

test("status --watch prints until it is interrupted", async () => {
  mkdirSync(folder.file("store/distfiles"), { recursive: true });
  const child = Bun.spawn([executablePath(), "status", "--watch", "--json", "--config", config], { stdout: "pipe" });
  let lines = 0;
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    lines += decoder.decode(bytes).split("\n").length - 1;
    if (lines >= 2) child.kill("SIGINT");
  }
  expect([lines >= 2, await child.exited]).toEqual([true, 130]);
});

test("wrong usage exits with 2 and one line that names the flag and what was expected", async () => {
  for (const [args, ...parts] of [
    [["fetch"], "FILE"],
    [["fetch", "--version", "1", "a"], "--version", "--package"],
    [["verify", "--rate", "fast"], "--rate", '"fast"', "50MiB"],
    [["clean", "--dryrun"], "--dryrun", "--dry-run"],
    [["import"], "PATH"],
    [["index", "more"], "index"],
  ] as const) {
    const { exit, stdout, stderr } = await run(...args);
    expect([args, exit, stdout]).toEqual([args, 2, ""]);
    expect(stderr).toMatch(/^portcache: [^\n]+\n$/);
    for (const part of parts) expect(stderr).toContain(part);
  }
});

test("the socket has mode 0660, is replaced after a kill, and is removed when the server stops", async () => {
  const path = folder.file("store/portcache.sock");
  const first = await serve();
  expect(statSync(path).mode & 0o777).toBe(0o660);
  await first.stop("SIGKILL");
  expect(existsSync(path)).toBe(true);
  // No server listens on a stale socket: the command runs the action itself.
  expect((await run("index")).exit).toBe(0);
  await server?.[Symbol.asyncDispose]();
  const second = await serve();
  expect((await run("index")).exit).toBe(0);
  expect(await second.stop("SIGTERM")).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test("over TCP, changes need the token, and import is refused", async () => {
  const folders = { location: folder.file("store") };
  server = await startExecutable({ ...folders, settings: { ...settings(), server: { admin_token: "secret" } } });
  const post = async (action: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${server?.url}/api/v1/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return [answer.status, answer.headers.get("content-type")];
  };
  const authorization = "Bearer secret";
  expect(await post("rescan", {})).toEqual([401, "application/problem+json"]);
  expect(await post("rescan", {}, { authorization })).toEqual([200, "application/json"]);
  expect(await post("import", { folder: "/" }, { authorization })).toEqual([403, "application/problem+json"]);
  expect(await post("nothing", {}, { authorization })).toEqual([404, "application/problem+json"]);
  expect(await post("rescan", { ful: true }, { authorization })).toEqual([422, "application/problem+json"]);
});

test("healthcheck says whether the server answers, and with --hung fails for one that takes connections and is silent", async () => {
  const { url, pid } = await serve();
  const port = new URL(url).port;
  const check = (...args: string[]) => run("healthcheck", "--address", "127.0.0.1", "--port", port, ...args);
  expect(await check()).toEqual({ exit: 0, stdout: "ok\n", stderr: "" });
  process.kill(pid, "SIGSTOP");
  try {
    const silent = `portcache: http://127.0.0.1:${port}/healthz: no answer within 10 s\n`;
    const [once, hung] = await Promise.all([check(), check("--hung")]);
    expect(once).toEqual({ exit: 1, stdout: "", stderr: silent });
    expect(hung).toEqual({ exit: 1, stdout: "", stderr: silent });
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await server?.stop();
  expect([(await check()).exit, (await check("--hung")).exit]).toEqual([1, 0]);
}, 60_000);
