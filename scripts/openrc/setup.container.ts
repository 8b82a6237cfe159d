/**
 * Tests what docs/service.md tells a person to type, under a real OpenRC, on a machine that has only the executable.
 * Runs in scripts/openrc/container, as root, on a disposable machine.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { readContent } from "../../src/testing/content.ts";
import { writeRepository } from "../../src/testing/repository.ts";
import { distfilePath } from "../../src/testing/stored.ts";
import { healthy, LOG, run, service, URL_OF_SERVER } from "./service.ts";

const CONTENT = { size: 50_000, seed: 7 };
const INSTALLED = ["/etc/init.d/portcache", "/etc/conf.d/portcache", "/etc/portcache", "/var/cache/portcache", LOG];

beforeAll(async () => {
  await service("stop");
  for (const path of [...INSTALLED, "/var/db/repos/gentoo"]) rmSync(path, { recursive: true, force: true });
  await run("userdel", "portcache");
  await run("groupdel", "portcache");
  mkdirSync("/root/download", { recursive: true });
  renameSync("/usr/bin/portcache", "/root/download/portcache");
  // As emerge --sync leaves it, where repos.conf says.
  const repository = writeRepository("/srv/gentoo", { name: "gentoo" });
  repository.put("app-misc/some", { dist: { "some-1.tar.gz": CONTENT } });
  mkdirSync("/etc/portage/repos.conf", { recursive: true });
  writeFileSync(
    "/etc/portage/repos.conf/gentoo.conf",
    "[DEFAULT]\nmain-repo = gentoo\n[gentoo]\nlocation = /srv/gentoo\n",
  );
});

afterAll(async () => {
  await service("stop");
});

/** Puts the file into the store, because no mirror can be reached from here. */
function putIntoStore(store: string): void {
  const path = store + distfilePath("some-1.tar.gz");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, readContent(CONTENT));
}

async function expectServed(url: string): Promise<void> {
  const answer = await fetch(`${url}/distfiles/some-1.tar.gz`, { decompress: false });
  expect([answer.status, answer.headers.get("cache-status")]).toEqual([200, "portcache; hit"]);
  expect(Buffer.compare(await answer.bytes(), readContent(CONTENT))).toBe(0);
}

test("without any configuration, portcache serve finds the machine's repositories and serves", async () => {
  expect(existsSync("/etc/portcache")).toBe(false);
  const store = "/var/cache/portcache";
  putIntoStore(store);
  const server = Bun.spawn(["/root/download/portcache", "serve"], {
    cwd: "/",
    stdout: "ignore",
    stderr: Bun.file("/tmp/err"),
  });
  try {
    expect(await healthy()).toBe("ok");
    await expectServed(URL_OF_SERVER);
    const check = await run("/root/download/portcache", "check", "--json");
    const { repositories, file, store: found } = JSON.parse(check.text);
    expect(repositories).toEqual([{ name: "gentoo", location: "/srv/gentoo", packages: 1 }]);
    expect([file, found]).toEqual([null, { location: store, writable: true }]);
    const unknown = await fetch(`${URL_OF_SERVER}/distfiles/some-2.tar.gz`);
    expect(unknown.status).toBeGreaterThanOrEqual(404);
  } finally {
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    rmSync(store, { recursive: true });
  }
});

test("after portcache setup and rc-service portcache start it serves, as its own user", async () => {
  const set = await run("/root/download/portcache", "setup");
  expect([set.exit, set.text]).toEqual([0, expect.stringContaining("rc-service portcache start")]);
  putIntoStore("/var/cache/portcache");
  await run("chown", "-R", "portcache:portcache", "/var/cache/portcache");
  await run("rc-update", "-u");
  const started = await service("start");
  expect([started.exit, started.text]).toEqual([0, expect.not.stringContaining("WARN")]);
  expect(await healthy()).toBe("ok");
  await expectServed(URL_OF_SERVER);
  expect((await run("/usr/local/bin/portcache", "check")).exit).toBe(0);
});

test("setup by another copy of the same executable changes nothing", async () => {
  copyFileSync("/root/download/portcache", "/root/download/again");
  const again = await run("/root/download/again", "setup");
  expect(again.text.split("\n").filter((line) => /^(installed|replaced|kept|removed)/.test(line))).toEqual([]);
});

test("setup --uninstall refuses while the service is in use, then removes everything but the store", async () => {
  await run("rc-update", "add", "portcache", "default");
  const refused = await run("/usr/local/bin/portcache", "setup", "--uninstall");
  expect([refused.exit, refused.text]).toEqual([1, expect.stringContaining("rc-service portcache stop")]);
  await service("stop");
  await run("rc-update", "del", "portcache", "default");
  const done = await run("/usr/local/bin/portcache", "setup", "--uninstall");
  expect([done.exit, done.text]).toEqual([0, expect.stringContaining("removed")]);
  for (const path of ["/etc/init.d/portcache", "/etc/conf.d/portcache", "/etc/portcache", "/usr/local/bin/portcache"]) {
    expect([path, existsSync(path)]).toEqual([path, false]);
  }
  expect(existsSync("/var/cache/portcache/distfiles")).toBe(true);
});
