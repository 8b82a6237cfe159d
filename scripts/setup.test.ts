/**
 * Runs `portcache setup` in roots of its own and compares all files before and after.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { executablePath, runExecutable } from "../src/testing/executable.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";

let folder: TempFolder;
let root: string;

beforeEach(() => {
  folder = createTempFolder("portcache-setup-");
  root = folder.file("root");
  mkdirSync(root);
});

afterEach(() => folder.remove());

/** Every path with its mode, owners and content, without the backups of the account lists. */
function snapshot(): Record<string, string> {
  const entries = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !path.endsWith("-"));
  return Object.fromEntries(
    entries.map((path) => {
      const { mode, uid, gid } = lstatSync(`${root}/${path}`);
      const isFile = lstatSync(`${root}/${path}`).isFile();
      const content = isFile ? Bun.hash(readFileSync(`${root}/${path}`)).toString(16) : "";
      return [path, `${mode.toString(8)} ${uid}:${gid} ${content}`];
    }),
  );
}

const setup = (...args: readonly string[]) => runExecutable(["setup", "--root", root, ...args]);

const INSTALLED = [
  "etc/conf.d/portcache",
  "etc/init.d/portcache",
  "etc/logrotate.d/portcache",
  "etc/portcache/portcache.toml",
  "etc/systemd/system/portcache.service",
  "usr/local/bin/portcache",
  "usr/local/share/bash-completion/completions/portcache",
  "usr/local/share/fish/vendor_completions.d/portcache.fish",
  "usr/local/share/man/man1/portcache.1",
  "usr/local/share/man/man5/portcache.toml.5",
  "usr/local/share/zsh/site-functions/_portcache",
];

function files(): string[] {
  return Object.keys(snapshot()).filter((path) => lstatSync(`${root}/${path}`).isFile());
}

test("in an empty root it installs everything, and the second time it changes nothing", async () => {
  const first = await setup();
  expect([first.exit, first.stderr]).toEqual([0, ""]);
  expect(files().toSorted()).toEqual([...INSTALLED, "etc/group", "etc/passwd", "etc/portcache/.installed"].toSorted());
  const before = snapshot();
  const second = await setup();
  expect(second.stdout.match(/^(?!unchanged )\S+ +(?:\/|user|group)/gm)).toBeNull();
  expect(snapshot()).toEqual(before);
});

test("a configuration that the service may not read is told, with the way out, until it may", async () => {
  expect((await setup()).stdout).not.toContain("may not read");
  const file = `${root}/etc/portcache/portcache.toml`;
  const told = async () =>
    /The service may not read its configuration. First:\n {2}(.*)\n/.exec((await setup()).stdout)?.[1];
  chmodSync(`${root}/etc/portcache`, 0o700);
  expect(await told()).toBe(`chmod 755 ${root}/etc/portcache`);
  chownSync(file, 0, 0);
  expect(await told()).toBe(`chmod 755 ${root}/etc/portcache && chgrp portcache ${file} && chmod 640 ${file}`);
  chmodSync(`${root}/etc/portcache`, 0o755);
  chmodSync(file, 0o644);
  expect(await told()).toBeUndefined();
});

test("installed files have the right owners and modes, and the program is the executable itself", async () => {
  await setup();
  const group = Number(/^portcache:[^:]*:(\d+):/m.exec(readFileSync(`${root}/etc/group`, "utf8"))?.[1]);
  const user = Number(/^portcache:[^:]*:(\d+):/m.exec(readFileSync(`${root}/etc/passwd`, "utf8"))?.[1]);
  const seen = (path: string) => {
    const { mode, uid, gid } = statSync(`${root}/${path}`);
    return [(mode & 0o777).toString(8), uid, gid];
  };
  expect(seen("etc/portcache/portcache.toml")).toEqual(["640", 0, group]);
  expect(seen("etc/init.d/portcache")).toEqual(["755", 0, 0]);
  expect(seen("usr/local/bin/portcache")).toEqual(["755", 0, 0]);
  expect(seen("var/cache/portcache")).toEqual(["755", user, group]);
  const copied = readFileSync(`${root}/usr/local/bin/portcache`);
  expect(Buffer.compare(copied, readFileSync(executablePath()))).toBe(0);
  expect(readFileSync(`${root}/etc/init.d/portcache`, "utf8")).toBe(
    readFileSync(`${import.meta.dir}/../portcache.initd`, "utf8"),
  );
  const check = Bun.spawnSync(["sha256sum", "--check", "--quiet"], {
    stdin: Buffer.from(readFileSync(`${root}/etc/portcache/.installed`, "utf8").replaceAll("  /", `  ${root}/`)),
  });
  expect(check.exitCode).toBe(0);
});

test("the dry run reports the same steps and changes nothing", async () => {
  const dry = await setup("--dry-run", "--json");
  expect(readdirSync(root)).toEqual([]);
  const real = await setup("--json");
  expect(JSON.parse(dry.stdout).steps).toEqual(JSON.parse(real.stdout).steps);
  const before = snapshot();
  expect((await setup("--dry-run")).stdout).not.toContain("would");
  expect((await setup("--dry-run", "--uninstall")).stdout).toContain("would remove  /etc/init.d/portcache");
  expect(snapshot()).toEqual(before);
});

test("only the files for the machine's init system are installed", async () => {
  mkdirSync(`${root}/sbin`, { recursive: true });
  writeFileSync(`${root}/sbin/openrc-run`, "");
  await setup();
  expect(files()).toContain("etc/init.d/portcache");
  expect(files()).not.toContain("etc/systemd/system/portcache.service");
});

test("an executable from a package is not installed again", async () => {
  mkdirSync(`${root}/usr/bin`, { recursive: true });
  writeFileSync(`${root}/usr/bin/portcache`, "the package's");
  await setup();
  expect(files()).not.toContain("usr/local/bin/portcache");
});

test("files that the admin changed stay; a new version is put beside them, and removed when it is no longer needed", async () => {
  await setup();
  const changed = ["etc/conf.d/portcache", "etc/portcache/portcache.toml"];
  for (const path of changed) appendFileSync(`${root}/${path}`, "# mine\n");
  const mine = snapshot();
  // The installed version itself has nothing new to offer.
  expect((await setup()).stdout).toContain("kept       /etc/conf.d/portcache");
  expect(snapshot()).toEqual(mine);
  // As an older version would have left them: other digests, and an unchanged init script.
  appendFileSync(`${root}/etc/init.d/portcache`, "# older\n");
  const older = new Bun.CryptoHasher("sha256").update(readFileSync(`${root}/etc/init.d/portcache`)).digest("hex");
  const record = readFileSync(`${root}/etc/portcache/.installed`, "utf8");
  writeFileSync(
    `${root}/etc/portcache/.installed`,
    record
      .replace(/^\S+(?= {2}\/etc\/init\.d)/m, older)
      .replace(/^\S+(?= {2}\/etc\/(?:conf\.d|portcache)\/)/gm, "0".repeat(64)),
  );
  const upgraded = await setup();
  expect(upgraded.stdout).toContain("replaced   /etc/init.d/portcache");
  expect(upgraded.stdout).toContain("/etc/conf.d/portcache.new");
  for (const path of changed) {
    expect(readFileSync(`${root}/${path}`, "utf8")).toEndWith("# mine\n");
    expect(readFileSync(`${root}/${path}.new`, "utf8")).not.toContain("# mine");
  }
  expect(readFileSync(`${root}/etc/init.d/portcache`, "utf8")).not.toContain("# older");
  const offered = snapshot();
  await setup();
  expect(snapshot()).toEqual(offered);
  // Once the new version is adopted, the next run removes what was offered, but no file of anybody else.
  for (const path of changed) rmSync(`${root}/${path}`);
  writeFileSync(`${root}/etc/init.d/portcache.new`, "somebody else's");
  await setup();
  expect(files().filter((path) => path.endsWith(".new"))).toEqual(["etc/init.d/portcache.new"]);
});

test("uninstalling leaves what was there before, the accounts, the store, and changed files", async () => {
  mkdirSync(`${root}/etc/conf.d`, { recursive: true });
  writeFileSync(`${root}/etc/conf.d/other`, "");
  await setup();
  mkdirSync(`${root}/var/cache/portcache/distfiles`);
  writeFileSync(`${root}/var/cache/portcache/distfiles/kept.zip`, "bytes");
  appendFileSync(`${root}/etc/portcache/portcache.toml`, "# mine\n");
  const { exit, stdout } = await setup("--uninstall");
  expect([exit, stdout]).toEqual([0, expect.stringContaining("removed  /usr/local/bin/portcache")]);
  expect(files().toSorted()).toEqual([
    "etc/conf.d/other",
    "etc/group",
    "etc/passwd",
    "etc/portcache/portcache.toml",
    "var/cache/portcache/distfiles/kept.zip",
  ]);
  expect((await setup("--uninstall")).exit).toBe(0);
});

test("a service in use is not uninstalled, and the message says what to run first", async () => {
  await setup();
  mkdirSync(`${root}/etc/runlevels/default`, { recursive: true });
  symlinkSync("/etc/init.d/portcache", `${root}/etc/runlevels/default/portcache`);
  writeFileSync(`${root}/etc/init.d/other`, "");
  const before = snapshot();
  const { exit, stderr } = await setup("--uninstall");
  expect([exit, stderr]).toEqual([1, expect.stringContaining("rc-update del portcache default")]);
  expect(snapshot()).toEqual(before);
});

test("without permission to write, it says so and exits with 1", async () => {
  const user = Bun.spawnSync(["setpriv", "--reuid=65534", "--clear-groups", executablePath(), "setup", "--root", root]);
  expect([user.exitCode, user.stderr.toString()]).toEqual([
    1,
    expect.stringMatching(/^portcache: .*(denied|takes root)/),
  ]);
  expect(existsSync(`${root}/etc`)).toBe(false);
});

test("whatever the umask, the service can reach what setup makes", () => {
  const script = `umask 077; exec "$0" setup --root "$1"`;
  const { exitCode, stdout } = Bun.spawnSync(["sh", "-c", script, executablePath(), root]);
  expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining("installed")]);
  const closed = Object.keys(snapshot()).filter((path) => {
    const stats = lstatSync(`${root}/${path}`);
    const needed = stats.isDirectory() ? 0o005 : 0o004;
    return (stats.mode & needed) !== needed;
  });
  // It may hold a token: the group of the service can read it.
  expect(closed.filter((path) => !path.startsWith("etc/gshadow"))).toEqual(["etc/portcache/portcache.toml"]);
});

test("where no repository is, setup says how to get one; a link to nowhere in the place of a file is left alone", async () => {
  expect((await setup("--dry-run")).stdout).toContain('repos = ["https://github.com/gentoo-mirror/gentoo.git"]');
  mkdirSync(`${root}/var/db/repos/gentoo/profiles`, { recursive: true });
  expect((await setup("--dry-run")).stdout).not.toContain("gentoo-mirror");
  mkdirSync(`${root}/etc/conf.d`, { recursive: true });
  symlinkSync("/nowhere", `${root}/etc/conf.d/portcache`);
  const { exit, stderr } = await setup();
  expect([exit, stderr]).toEqual([1, expect.stringContaining("is a link to /nowhere, which is not there")]);
});
