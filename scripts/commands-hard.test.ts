/**
 * Runs commands under adverse conditions: kills, several at once, servers that come and go, hostile input.
 */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readContent } from "../src/testing/content.ts";
import {
  executablePath,
  formatSettings,
  runExecutable,
  type Server,
  startExecutable,
} from "../src/testing/executable.ts";
import { type TestRepository, writeRepository } from "../src/testing/repository.ts";
import { distfilePath } from "../src/testing/stored.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";

setDefaultTimeout(60_000);

const FILES = 300;
const nameOf = (i: number) => `file-${i}.tar.gz`;
const contentOf = (i: number) => ({ size: 20_000 + i, seed: i });

let folder: TempFolder;
let repository: TestRepository;
let server: Server | undefined;
let config: string;

beforeEach(() => {
  folder = createTempFolder("portcache-hard-");
  repository = writeRepository(folder.file("repository"));
  config = folder.file("portcache.toml");
  writeFileSync(config, formatSettings(settings()));
});

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
  folder.remove();
});

function settings() {
  return {
    storage: { location: folder.file("store") },
    repo: { repos: [repository.location], evaluate: "never" },
    fetcher: { mirrors: ["http://127.0.0.1:1"] },
  };
}

async function serve(): Promise<Server> {
  server = await startExecutable({ settings: settings(), location: folder.file("store") });
  return server;
}

const run = (...args: string[]) => runExecutable([...args, "--config", config], { env: { LC_ALL: "C" } });

/** Starts a command that runs while the test does something else. */
function start(...args: string[]) {
  const child = Bun.spawn([executablePath(), ...args, "--config", config], {
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
  });
  const ended = Promise.all([child.exited, child.stdout.text(), child.stderr.text()]).then(
    ([exit, stdout, stderr]) => ({
      exit,
      stdout,
      stderr,
    }),
  );
  return { child, ended };
}

function fillDistdir(): void {
  mkdirSync(folder.file("distdir"));
  for (let i = 0; i < FILES; i++) writeFileSync(folder.file(`distdir/${nameOf(i)}`), readContent(contentOf(i)));
  repository.put("app-misc/many", {
    dist: Object.fromEntries(Array.from({ length: FILES }, (_, i) => [nameOf(i), contentOf(i)])),
  });
}

const storedPath = (name: string) => folder.file(`store${distfilePath(name)}`);

/** Expects that the store has whole files only. @returns how many */
function expectWholeFiles(): number {
  const stored = readdirSync(folder.file("store/distfiles"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".tar.gz"))
    .map((path) => path.slice(path.lastIndexOf("/") + 1));
  for (const name of stored) {
    const i = Number(/\d+/.exec(name)?.[0]);
    expect([name, Buffer.compare(readFileSync(storedPath(name)), readContent(contentOf(i)))]).toEqual([name, 0]);
  }
  using index = new Database(folder.file("store/index.sqlite"));
  expect(index.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  return stored.length;
}

async function untilStored(count: number): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    const folders = readdirSync(folder.file("store/distfiles"), { recursive: true, encoding: "utf8" });
    if (folders.filter((path) => path.endsWith(".tar.gz")).length >= count) return;
    await Bun.sleep(10);
  }
  throw new Error(`The import does not get to ${count} files`);
}

test("a killed import leaves whole files, and the next one continues", async () => {
  fillDistdir();
  mkdirSync(folder.file("store/distfiles"), { recursive: true });
  for (const at of [20, 120]) {
    const { child, ended } = start("import", folder.file("distdir"));
    await untilStored(at);
    child.kill("SIGKILL");
    expect((await ended).exit).toBe(128 + 9);
    expect(expectWholeFiles()).toBeGreaterThanOrEqual(at);
  }
  const before = expectWholeFiles();
  const report = JSON.parse((await run("import", folder.file("distdir"), "--json")).stdout);
  expect([report.present, report.adopted, report.skipped]).toEqual([before, FILES - before, []]);
  expect(expectWholeFiles()).toBe(FILES);
  expect(await run("verify")).toMatchObject({ exit: 0, stdout: expect.stringContaining(`${FILES} files read`) });
  // Unfinished part files of the killed imports do no harm.
  for (const part of readdirSync(folder.file("store/partial")))
    expect(part).toMatch(/^file-\d+\.tar\.gz$|^[0-9a-f-]{36}$/);
});

test("when the server is killed during an import, the command says so, and the next server has whole files", async () => {
  fillDistdir();
  const first = await serve();
  const { ended } = start("import", folder.file("distdir"));
  await untilStored(20);
  await first.stop("SIGKILL");
  const { exit, stdout, stderr } = await ended;
  expect([exit, stdout]).toEqual([1, ""]);
  // The second message appears if not even the response headers had come.
  expect(stderr).toMatch(
    /portcache: (The server stopped before the command was done|Cannot reach the server at \S+: connection reset)/,
  );
  expectWholeFiles();
  await server?.[Symbol.asyncDispose]();
  await serve();
  const report = JSON.parse((await run("import", folder.file("distdir"), "--json")).stdout);
  expect(report.present + report.adopted).toBe(FILES);
  expect(expectWholeFiles()).toBe(FILES);
});

test("a server that is stopped ends a running action instead of waiting for it", async () => {
  fillDistdir();
  await run("import", folder.file("distdir"));
  const { stop } = await serve();
  const { ended } = start("verify", "--rate", "100KiB");
  await Bun.sleep(500);
  const startedAt = performance.now();
  expect(await stop("SIGTERM")).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  const { exit, stderr } = await ended;
  expect([exit, stderr]).toEqual([1, "portcache: The server is shutting down\n"]);
});

for (const where of ["without a server", "with a server"]) {
  test(`Ctrl-C ends a command with 130 and releases everything, ${where}`, async () => {
    fillDistdir();
    await run("import", folder.file("distdir"));
    if (where === "with a server") await serve();
    const { child, ended } = start("verify", "--rate", "100KiB");
    await Bun.sleep(700);
    child.kill("SIGINT");
    expect(await ended).toEqual({ exit: 130, stdout: "", stderr: "portcache: interrupted\n" });
    // Neither the lock nor the action is held any more.
    expect(await run("verify", "--rate", "0")).toMatchObject({ exit: 0, stderr: "" });
  });
}

test("an action that is running is refused a second time, other commands are not", async () => {
  fillDistdir();
  await run("import", folder.file("distdir"));
  await serve();
  const { child, ended } = start("verify", "--rate", "100KiB");
  await Bun.sleep(500);
  expect(await run("verify")).toMatchObject({ exit: 1, stderr: expect.stringContaining("already running") });
  expect(await run("index")).toMatchObject({ exit: 0, stderr: "" });
  expect(await run("status")).toMatchObject({ exit: 0, stderr: "" });
  child.kill("SIGINT");
  await ended;
});

test("without a server, concurrent commands run one after the other, and a command that meets a starting server uses it", async () => {
  fillDistdir();
  // index makes no store.
  mkdirSync(folder.file("store/distfiles"), { recursive: true });
  const [one, two, three] = await Promise.all([
    run("import", folder.file("distdir"), "--json"),
    run("import", folder.file("distdir"), "--json"),
    run("index"),
  ]);
  expect([one?.exit, two?.exit, three?.exit]).toEqual([0, 0, 0]);
  const adopted = [one, two].map((result) => JSON.parse(result?.stdout ?? "").adopted);
  expect(adopted.toSorted()).toEqual([0, FILES].toSorted());
  // On a busy machine the command sometimes gets the store first, and the server reports it.
  for (let [round, served] = [0, 0]; served < 4; round++) {
    const starting = serve().then(
      () => 1,
      (error: unknown) => {
        // The lock is held before the name of its holder is written.
        expect(String(error)).toMatch(/: (portcache index \(process \d+\)|another process) holds it/);
        return 0;
      },
    );
    await Bun.sleep(30 * round);
    const command = await run("index");
    served += await starting;
    expect([round, command.exit, command.stderr]).toEqual([round, 0, expect.any(String)]);
    await server?.[Symbol.asyncDispose]();
  }
});

test("commands reach the server of a store whose path is too long for the name of a socket", async () => {
  const location = folder.file(`${"deep/".repeat(30)}store`);
  expect(location.length).toBeGreaterThan(107);
  const long = { ...settings(), storage: { location } };
  writeFileSync(config, formatSettings(long));
  server = await startExecutable({ settings: long, location });
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  expect(JSON.parse((await run("status", "--json")).stdout).running).toBe(true);
  expect(await run("index")).toMatchObject({ exit: 0, stderr: "" });
});

test("the server starts even if something is in place of its socket", async () => {
  mkdirSync(folder.file("store/portcache.sock/in the way"), { recursive: true });
  const { url, log } = await serve();
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(log()).toContain("Commands cannot reach this server");
});

test("a store that cannot be written is reported in one line", async () => {
  for (const [command, ...args] of [
    ["fetch", "x"],
    ["import", "/"],
  ] as const) {
    const result = await run(command, ...args, "--location", "/proc/portcache");
    expect([command, result.exit, result.stdout]).toEqual([command, 1, ""]);
    expect(result.stderr).toMatch(/^portcache: Cannot use the store \/proc\/portcache.*\n$/);
  }
});

test("no command but serve, fetch and import makes a store that is not there", async () => {
  const missing = folder.file("missing/store");
  for (const command of ["status", "mirrors", "clean", "verify", "index"]) {
    const result = await run(command, "--location", missing);
    expect([command, result.exit, result.stdout]).toEqual([command, 1, ""]);
    expect(result.stderr).toStartWith(`portcache: There is no store in ${missing} `);
    expect(existsSync(folder.file("missing"))).toBe(false);
  }
  writeFileSync(folder.file("file"), "");
  expect((await run("status", "--location", folder.file("file"))).stderr).toContain("There is no store in");
  // Nor does one of these that cannot work.
  const nowhere = await run("import", "/nonexistent", "--location", missing);
  expect([nowhere.exit, nowhere.stderr]).toEqual([
    1,
    "portcache: Cannot import /nonexistent: no such file or directory\n",
  ]);
  expect(existsSync(folder.file("missing"))).toBe(false);
  expect((await run("fetch", "one.tar", "--location", folder.file("file"))).stderr).toContain("file is not a folder");
  symlinkSync(missing, folder.file("dangling"));
  expect((await run("fetch", "one.tar", "--location", folder.file("dangling"))).stderr).toContain("which is not there");
});

test("on a read-only disk, commands that read work, and commands that write say why they cannot", async () => {
  repository.put("app-misc/one", { dist: { "one.tar": "one" } });
  mkdirSync(folder.file("distdir"));
  writeFileSync(folder.file("distdir/one.tar"), "one");
  await run("import", folder.file("distdir"));
  const readOnly = async (...args: string[]) => {
    const command = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", executablePath(), ...args];
    const child = Bun.spawn([...command, "--config", config], { stdout: "pipe", stderr: "pipe", env: { LC_ALL: "C" } });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exit, stdout, stderr };
  };
  expect(await readOnly("status")).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining("in 1 file,"),
    stderr: "",
  });
  expect(await readOnly("mirrors")).toMatchObject({ exit: 0, stderr: "" });
  for (const args of [["clean"], ["verify"], ["index"], ["fetch", "one.tar"], ["import", folder.file("distdir")]]) {
    const { exit, stdout, stderr } = await readOnly(...args);
    expect([args, exit, stdout, stderr]).toEqual([
      args,
      1,
      "",
      expect.stringMatching(/^portcache: Cannot use the store .+\(set storage\.location to use another\): .+\n$/),
    ]);
  }
});

test("a closed pipe ends the command quietly, as if by SIGPIPE", async () => {
  mkdirSync(folder.file("store/distfiles"), { recursive: true });
  const pipe = `"$0" status --watch --config "$1" | head -n 1; echo "\${PIPESTATUS[0]}"`;
  const child = Bun.spawn(["bash", "-c", pipe, executablePath(), config], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^portcache .+: no server runs on this store\n141\n$/), ""]);
});

test("control characters in names do not reach the terminal", async () => {
  const { exit, stdout } = await run("fetch", "a\u001b[31mb\u0007", "x\ny");
  expect(exit).toBe(1);
  expect([...stdout].filter((character) => character < " " && character !== "\n")).toEqual([]);
  mkdirSync(folder.file("distdir"));
  writeFileSync(folder.file("distdir/\u001b[2Jgone"), "x");
  const imported = await run("import", folder.file("distdir"));
  expect(imported.stdout).toContain("not a valid file name for a distfile");
  expect(imported.stdout).not.toContain("\u001b");
});

test("endless standard input is refused, a long list is not", async () => {
  const endless = await runExecutable(["fetch", "-", "--config", config], { stdin: "x".repeat(65 * 1024 * 1024) });
  expect([endless.exit, endless.stderr]).toEqual([
    2,
    expect.stringContaining("standard input: expected a list of files, got more than 64 MiB"),
  ]);
  await serve();
  repository.put("app-misc/one", { dist: { "one.tar": "one" } });
  const lines = Array.from(
    { length: 20_000 },
    (_, i) => `http://m.test/distfiles/00/one.tar http://m.test/${i}/one.tar`,
  );
  const result = await runExecutable(["fetch", "-", "--json", "--config", config], { stdin: lines.join("\n") });
  expect(JSON.parse(result.stdout)).toMatchObject({ files: 1, failed: 1 });
});

test("a command run by root leaves no files of root in the store of another user", async () => {
  const uid = process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0);
  repository.put("app-misc/one", { dist: { "one.tar": "one" } });
  mkdirSync(folder.file("distdir"));
  writeFileSync(folder.file("distdir/one.tar"), "one");
  mkdirSync(folder.file("store"));
  if (process.getuid?.() === 0) {
    for (const path of ["", "store"]) chownSync(folder.file(path), uid, uid);
  }
  expect(await run("import", folder.file("distdir"))).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining("1 file imported"),
  });
  const paths = readdirSync(folder.file("store"), { recursive: true, encoding: "utf8" });
  for (const path of paths) expect([path, statSync(folder.file(`store/${path}`)).uid]).toEqual([path, uid]);
});
