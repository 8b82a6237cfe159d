/**
 * Tests the init script under a real OpenRC. Runs in scripts/openrc/container, as root, on a disposable machine.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readContent } from "../../src/testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../../src/testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../../src/testing/repository.ts";
import { healthy, isDown, LOG, processesOfUser, run, serverPid, service, URL_OF_SERVER } from "./service.ts";

const MIB = 1024 * 1024;
const LARGE = { size: 12 * MIB, seed: 1 };
const SMALL = { size: 20_000, seed: 2 };
const STORE = "/var/cache/portcache";
const CONFIG = "/etc/portcache/portcache.toml";

let mirror: FakeUpstream;
let repository: TestRepository;

const get = (name: string) => fetch(`${URL_OF_SERVER}/distfiles/${name}`, { decompress: false });

function configure(extra = ""): void {
  writeFileSync(CONFIG, `[fetcher]\nmirrors = ["${mirror.url}"]\n${extra}`);
}

beforeAll(async () => {
  mirror = await startFakeUpstream({
    files: new Map([
      ["large.zip", LARGE],
      ["small.zip", SMALL],
    ]),
  });
  mirror.setFault("large.zip", { kind: "rate", bytesPerSecond: 4 * MIB });
  // As emerge --sync leaves it.
  repository = writeRepository("/var/db/repos/gentoo", { name: "gentoo" });
  repository.put("app-misc/some", { dist: { "large.zip": LARGE, "small.zip": SMALL } });
  configure();
});

afterEach(async () => {
  await service("stop");
  configure();
});

afterAll(async () => {
  await mirror.close();
});

test("start creates the store and the log for the user, and serves files that the machine's repository wants", async () => {
  const started = await service("start");
  expect([started.exit, started.text]).toEqual([0, expect.stringContaining("Starting portcache")]);
  expect(await healthy()).toBe("ok");
  expect((await service("status")).exit).toBe(0);
  const answer = await get("small.zip");
  expect(Buffer.compare(await answer.bytes(), readContent(SMALL))).toBe(0);
  const user = Number((await run("id", "-u", "portcache")).text);
  expect(statSync("/var/cache/portcache").uid).toBe(user);
  expect([statSync(LOG).uid, statSync(LOG).mode & 0o777]).toEqual([user, 0o640]);
  expect(readFileSync(LOG, "utf8")).toContain("small.zip");
});

test("the server has no privileges, and the sandbox for ebuilds still works", async () => {
  await service("start");
  await healthy();
  const status = readFileSync(`/proc/${serverPid()}/status`, "utf8");
  const user = (await run("id", "-u", "portcache")).text.trim();
  expect(status).toMatch(new RegExp(`^Uid:\t${user}\t${user}\t${user}\t${user}$`, "m"));
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(status).toMatch(/^Groups:\t\d+ ?$/m);
  expect(readFileSync(LOG, "utf8")).toContain("sandbox: bubblewrap");
});

test("reload puts the new configuration in force, and a transfer in progress completes", async () => {
  rmSync("/var/cache/portcache/distfiles", { recursive: true, force: true });
  await service("start");
  await healthy();
  const pid = serverPid();
  const transfer = await get("large.zip");
  configure("[storage]\nmax_size = '3GiB'\n");
  const reloaded = await service("reload");
  expect([reloaded.exit, reloaded.text]).toEqual([0, expect.stringContaining("Reloading portcache")]);
  expect(Buffer.compare(await transfer.bytes(), readContent(LARGE))).toBe(0);
  expect(readFileSync(LOG, "utf8")).toContain("storage.max_size: 50GiB -> 3GiB");
  expect(serverPid()).toBe(pid);
});

test("reload with a broken configuration says what is wrong and sends no signal", async () => {
  await service("start");
  await healthy();
  writeFileSync(CONFIG, "[server]\nprot = 8000\n");
  const reloaded = await service("reload");
  expect([reloaded.exit, reloaded.text]).toEqual([
    1,
    expect.stringContaining("unknown key prot in [server], did you mean"),
  ]);
  expect(await healthy()).toBe("ok");
  expect(readFileSync(LOG, "utf8")).not.toContain("prot");
});

test("restart is another process with the same store", async () => {
  await service("start");
  await healthy();
  await (await get("small.zip")).bytes();
  const [pid, requests] = [serverPid(), mirror.requests.length];
  expect((await service("restart")).exit).toBe(0);
  expect(await healthy()).toBe("ok");
  expect(serverPid()).not.toBe(pid);
  expect(Buffer.compare(await (await get("small.zip")).bytes(), readContent(SMALL))).toBe(0);
  expect(mirror.requests.length).toBe(requests);
});

test("stop lets a transfer finish, then nothing listens and nothing is left running", async () => {
  rmSync("/var/cache/portcache/distfiles", { recursive: true, force: true });
  await service("start");
  await healthy();
  const transfer = await get("large.zip");
  const [whole, stopped] = await Promise.all([transfer.bytes(), service("stop")]);
  expect(Buffer.compare(whole, readContent(LARGE))).toBe(0);
  expect(stopped.exit).toBe(0);
  expect(await isDown()).toBe(true);
  expect((await service("status")).exit).toBe(3);
  expect(await processesOfUser()).toEqual([]);
});

test("a killed server is started again with its store", async () => {
  await service("start");
  await healthy();
  const pid = serverPid();
  process.kill(pid, "SIGKILL");
  for (let i = 0; i < 100 && (!existsSync(`/proc/${serverPid()}`) || serverPid() === pid); i++) await Bun.sleep(50);
  expect(await healthy()).toBe("ok");
  expect(serverPid()).not.toBe(pid);
  expect((await service("status")).exit).toBe(0);
});

test("a server that hangs is started again, and one that answers is left alone", async () => {
  const confd = "/etc/conf.d/portcache";
  const before = readFileSync(confd, "utf8");
  writeFileSync(confd, `${before}\nhealthcheck_delay="2"\nhealthcheck_timer="2"\n`);
  try {
    await service("start");
    expect(await healthy()).toBe("ok");
    const hung = serverPid();
    await Bun.sleep(7000);
    expect(serverPid()).toBe(hung);
    process.kill(hung, "SIGSTOP");
    // Three answers that do not come, 10 s each.
    for (let i = 0; i < 450 && serverPid() === hung; i++) await Bun.sleep(100);
    expect(serverPid()).not.toBe(hung);
    expect(await healthy()).toBe("ok");
    expect(existsSync(`/proc/${hung}`)).toBe(false);
  } finally {
    await service("stop");
    writeFileSync(confd, before);
  }
}, 90_000);

test("a second instance reports a store or port in use, else it runs", async () => {
  if (!existsSync("/etc/init.d/portcache.lan")) symlinkSync("/etc/init.d/portcache", "/etc/init.d/portcache.lan");
  await run("rc-update", "-u");
  await service("start");
  await healthy();
  const second = async (confd: string) => {
    writeFileSync("/etc/conf.d/portcache.lan", confd);
    return await service("start", "portcache.lan");
  };
  const same = await second('PORTCACHE_SERVER_PORT="8001"\n');
  expect(same.exit).toBe(1);
  expect(same.text).toContain(
    `Cannot use the store /var/cache/portcache: portcache serve (process ${serverPid()}) holds it`,
  );
  const taken = await second('PORTCACHE_STORAGE_LOCATION="/var/cache/portcache.lan"\n');
  expect([taken.exit, taken.text]).toEqual([1, expect.stringContaining("port 8000: address already in use")]);
  const own = await second('PORTCACHE_STORAGE_LOCATION="/var/cache/portcache.lan"\nPORTCACHE_SERVER_PORT="8001"\n');
  expect(own.exit).toBe(0);
  expect(await healthy("http://127.0.0.1:8001")).toBe("ok");
  expect((await service("stop", "portcache.lan")).exit).toBe(0);
  expect(await healthy()).toBe("ok");
});

test("settings in conf.d override those in the file", async () => {
  const confd = "/etc/conf.d/portcache";
  const before = readFileSync(confd, "utf8");
  writeFileSync(confd, `${before}\nPORTCACHE_SERVER_PORT="8002"\nPORTCACHE_SERVER_ALLOW="10.0.0.0/8 fd00::/8"\n`);
  try {
    configure("[server]\nport = 8003\n");
    await service("start");
    expect(await healthy("http://127.0.0.1:8002")).toBe("ok");
  } finally {
    await service("stop");
    writeFileSync(confd, before);
  }
});

test("a wrong configuration, or one that the user may not read, fails the start with the reason", async () => {
  writeFileSync(CONFIG, "[storage]\nmax_size = 'plenty'\n");
  const wrong = await service("start");
  expect([wrong.exit, wrong.text]).toEqual([1, expect.stringContaining("storage.max_size: expected a size")]);
  configure();
  chmodSync(CONFIG, 0o600);
  const secret = await service("start");
  expect([secret.exit, secret.text]).toEqual([1, expect.stringContaining("Cannot read the configuration file")]);
  chmodSync(CONFIG, 0o644);
  expect((await service("status")).exit).toBe(3);
});

test("a missing repository is reported, and the service starts", async () => {
  configure('[repo]\nrepos = ["/var/db/repos/gentoo", "/var/db/repos/guru"]\n');
  const started = await service("start");
  expect([started.exit, started.text]).toEqual([0, expect.stringContaining("/var/db/repos/guru is missing")]);
  expect(await healthy()).toBe("ok");
});

test("a server that root starts by hand runs as the store's owner and leaves nothing in the service's way", async () => {
  await service("start");
  await healthy();
  await service("stop");
  for (const name of readdirSync(STORE).filter((entry) => entry.startsWith("index"))) rmSync(`${STORE}/${name}`);
  const byHand = Bun.spawn(["/usr/bin/portcache"], { cwd: "/", stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  expect(await healthy()).toBe("ok");
  byHand.kill("SIGTERM");
  await byHand.exited;
  expect((await run("find", STORE, "-not", "-user", "portcache")).text).toBe("");
  await service("start");
  expect(await healthy()).toBe("ok");
});

test("the user has written only stores and logs, and nothing is left in /run", async () => {
  const found = await run(
    "find",
    "/written",
    "/tmp",
    "/run",
    "-user",
    "portcache",
    "-not",
    "-path",
    "/written/var/cache/*",
  );
  expect(found.text.trim().split("\n").toSorted()).toEqual(["/written/var/log/portcache.lan.log", `/written${LOG}`]);
  expect(readdirSync("/run").filter((name) => name.includes("portcache"))).toEqual([]);
});
