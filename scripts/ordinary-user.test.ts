/**
 * Runs the executable as an ordinary user with umask 077 and a read-only /etc, in a mount namespace. Skipped where a user may not
 * make one.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { executablePath } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath, untilStored } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const CONTENT = { size: 100_000, seed: 1 };
const USER = 64_123;
const OTHER_USER = 64_124;
const folder = createTempFolder();
const [etc, home, location] = [folder.file("etc"), folder.file("home"), folder.file("home/store")];

/** The command in a mount namespace of its own, as the user. */
function inNamespace(command: readonly string[]): string[] {
  const script = `mount --bind "$0" /etc && mount -o remount,bind,ro /etc && umask 077 && exec setpriv --reuid ${USER} --regid ${USER} --clear-groups "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, etc, ...command];
}

function run(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(inNamespace([executablePath(), ...args]), {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", HOME: home },
  });
  return { exit: exitCode, text: stdout.toString() + stderr.toString() };
}

mkdirSync(etc);
const isAllowed = Bun.spawnSync(inNamespace(["true"])).exitCode === 0;
if (!isAllowed) console.log("Skipped: no mount namespace, or no other user, can be had here");

let mirror: FakeUpstream;
let settings: readonly string[];

beforeAll(async () => {
  chmodSync(folder.path, 0o755);
  for (const name of ["passwd", "group", "hosts", "nsswitch.conf", "resolv.conf"])
    if (existsSync(`/etc/${name}`)) cpSync(`/etc/${name}`, `${etc}/${name}`, { dereference: true });
  mkdirSync(home);
  Bun.spawnSync(["chown", `${USER}:${USER}`, home]);
  mirror = await startFakeUpstream({ files: new Map([["a.zip", CONTENT]]) });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/a", { dist: { "a.zip": CONTENT } });
  settings = ["--address", "127.0.0.1", "--port", "0", "--location", location, "--mirror", mirror.url];
});
afterAll(async () => {
  await mirror.close();
  folder.remove();
});

async function serving<T>(args: readonly string[], act: (url: string) => Promise<T>): Promise<T> {
  const child = Bun.spawn(inNamespace([executablePath(), "serve", ...settings, ...args]), {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", HOME: home },
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    let text = "";
    for await (const bytes of child.stdout) {
      text += new TextDecoder().decode(bytes);
      const url = /listening on (\S+)/.exec(text)?.[1];
      if (url !== undefined) return await act(url);
    }
    throw new Error(`the server has ended: ${text}`);
  } finally {
    child.kill("SIGTERM");
    await child.exited;
  }
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test.skipIf(!isAllowed)(
  "what it makes has the modes that it needs, whatever the umask",
  async () => {
    await serving(["--repo", folder.file("repository")], async (url) => {
      expect((await fetch(`${url}/distfiles/a.zip`)).status).toBe(200);
      await untilStored(`${url}/distfiles/a.zip`);
      expect(await (await fetch(`${url}/healthz`)).text()).toBe("ok\n");
      const file = location + distfilePath("a.zip");
      const open = [location, `${location}/distfiles`, file.slice(0, file.lastIndexOf("/"))];
      expect(open.map(modeOf)).toEqual(["755", "755", "755"]);
      expect([file, `${location}/distfiles/layout.conf`].map(modeOf)).toEqual(["644", "644"]);
      const closed = ["portcache.lock", "index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "trees.sqlite"];
      expect(closed.map((name) => modeOf(`${location}/${name}`))).toEqual(closed.map(() => "600"));
      expect(modeOf(`${location}/portcache.sock`)).toBe("660");
      const other = (...command: string[]) =>
        Bun.spawnSync(["setpriv", `--reuid=${OTHER_USER}`, `--regid=${OTHER_USER}`, "--clear-groups", ...command])
          .exitCode;
      expect([other("cat", file), other("cat", `${location}/portcache.lock`)]).toEqual([0, 1]);
      const check = run("check", ...settings, "--repo", folder.file("repository"));
      expect([check.exit, check.text]).toEqual([0, expect.stringContaining("runs on this store")]);
      expect(check.text).toContain("No problems found.");
    });
  },
  60_000,
);

const OWNED = [
  "portcache.lock",
  "index.sqlite",
  "index.sqlite-wal",
  "index.sqlite-shm",
  "trees.sqlite",
  "trees.sqlite-shm",
];

/** Lets this user try to lock the files of the store, in turn; calls `act` with what came of it, while the locks that it has hold. */
async function locking<T>(user: number, names: readonly string[], act: (outcome: string) => Promise<T>): Promise<T> {
  const bun = folder.file("bun");
  if (!existsSync(bun)) cpSync(process.execPath, bun);
  cpSync(`${import.meta.dir}/lock-file.ts`, folder.file("lock-file.ts"));
  const paths = names.map((name) => `${location}/${name}`);
  const child = Bun.spawn(
    ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", bun, folder.file("lock-file.ts"), ...paths],
    { cwd: "/", env: { HOME: "/" }, stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  try {
    const { value } = await child.stdout.getReader().read();
    return await act(new TextDecoder().decode(value).trim());
  } finally {
    await child.stdin.end();
    await child.exited;
  }
}

test.skipIf(!isAllowed)(
  "another local user can lock nothing of the store, neither to keep the server from starting nor to stop its index",
  async () => {
    const denied = (names: readonly string[]) => names.map(() => "EACCES").join(" ");
    const repository = ["--repo", folder.file("repository")];
    await serving(repository, async () => undefined);
    // What a lock would do: here it is the user's own.
    await locking(USER, ["portcache.lock"], async (outcome) => {
      expect(outcome).toBe("locked");
      const { exit, text } = run("serve", ...settings);
      expect([exit, text]).toEqual([1, expect.stringContaining(`Cannot use the store ${location}`)]);
    });
    await locking(OTHER_USER, ["portcache.lock", "index.sqlite"], async (outcome) => {
      expect(outcome).toBe(denied(["portcache.lock", "index.sqlite"]));
      await serving(repository, async (url) => {
        await locking(OTHER_USER, OWNED, async (whileItRuns) => {
          expect(whileItRuns).toBe(denied(OWNED));
          await fetch(`${url}/distfiles/b.zip`);
          expect(await (await fetch(`${url}/healthz`)).text()).toBe("ok\n");
        });
      });
    });
  },
  120_000,
);

test.skipIf(!isAllowed)("a configuration that the user may not read is never taken for none", () => {
  const file = "/etc/portcache/portcache.toml";
  mkdirSync(`${etc}/portcache`, { mode: 0o700 });
  writeFileSync(`${etc}/portcache/portcache.toml`, '[server]\nallow = ["192.0.2.1"]\n');
  for (const command of ["serve", "check"]) {
    const { exit, text } = run(command, ...settings);
    expect([exit, text]).toEqual([2, `portcache: Cannot read the configuration file ${file}: permission denied\n`]);
  }
  rmSync(`${etc}/portcache`, { recursive: true });
  symlinkSync("/nowhere", `${etc}/portcache`);
  const { exit, text } = run("serve", ...settings);
  expect([exit, text]).toEqual([
    2,
    expect.stringContaining("/etc/portcache is a link to /nowhere, which is not there"),
  ]);
  rmSync(`${etc}/portcache`);
});

test.skipIf(!isAllowed)("a folder to import that the user may not read is named", () => {
  const closed = folder.file("closed-distdir");
  mkdirSync(closed, { mode: 0o700 });
  const { exit, text } = run("import", closed, ...settings);
  expect([exit, text]).toEqual([1, `portcache: Cannot import ${closed}: permission denied\n`]);
});

test.skipIf(!isAllowed)(
  "without a repository, or with one that the user may not read, it says so and goes on",
  async () => {
    const closed = folder.file("closed");
    writeRepository(closed).put("app-misc/a", { dist: { "a.zip": CONTENT }, ebuilds: [{ version: "1" }] });
    const ebuild = `${closed}/app-misc/a/a-1.ebuild`;
    chmodSync(ebuild, 0o600);
    const partly = run("check", ...settings, "--repo", closed);
    expect([partly.exit, partly.text]).toEqual([
      1,
      expect.stringContaining(`Cannot read ${ebuild}: permission denied`),
    ]);
    chmodSync(closed, 0o700);
    const unreadable = `Cannot read the repository ${closed}: permission denied`;
    for (const [args, problem, reason] of [
      [[], 'repos = ["https://github.com/gentoo-mirror/gentoo.git"]', "no ebuild repository"],
      [["--repo", closed], unreadable, `no ebuild repository: ${unreadable}`],
    ] as const) {
      const check = run("check", ...settings, ...args);
      expect([check.exit, check.text]).toEqual([1, expect.stringContaining(problem)]);
      const health = await serving(args, async (url) => await (await fetch(`${url}/healthz`)).text());
      expect(health).toBe(`degraded: nothing is verified: ${reason}\n`);
    }
  },
  60_000,
);

test.skipIf(!isAllowed)("folders of the store that another user made are a problem, and so is a lock of theirs", () => {
  const store = folder.file("home/others-store");
  mkdirSync(`${store}/distfiles/aa`, { recursive: true });
  mkdirSync(`${store}/distfiles/bb`);
  Bun.spawnSync(["chown", `${USER}:${USER}`, store, `${store}/distfiles`]);
  const check = () => run("check", ...settings, "--location", store, "--repo", folder.file("repository"));
  const closed = `Files cannot be stored in ${store}/distfiles/aa: permission denied (and 1 other folder of the store)`;
  expect([check().exit, check().text]).toEqual([1, expect.stringContaining(closed)]);
  writeFileSync(`${store}/portcache.lock`, "", { mode: 0o600 });
  const lock = `Cannot use ${store}/portcache.lock: permission denied`;
  for (const { exit, text } of [check(), run("serve", ...settings, "--location", store)])
    expect([exit, text]).toEqual([1, expect.stringContaining(lock)]);
});
