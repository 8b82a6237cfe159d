import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { ConfigError } from "./config-error.ts";
import { type LoadOptions, loadConfig, type Override } from "./load.ts";
import { canWrite, userLocation } from "./location.ts";
import { allSettings, pathOf } from "./schema.ts";

const folder = mkdtempSync(`${tmpdir()}/portcache-load-`);
afterAll(() => rmSync(folder, { recursive: true }));

const NO_FILE = `${folder}/absent.toml`;
let files = 0;

function write(text: string): string {
  const file = `${folder}/${files++}.toml`;
  writeFileSync(file, text);
  return file;
}

function load(options: Partial<LoadOptions> = {}) {
  return loadConfig({ env: {}, defaultFile: NO_FILE, ...options });
}

function set(path: string, given: string): Override {
  return { path, given, flag: `--set ${path}` };
}

function messageOf(options: Partial<LoadOptions>): string {
  try {
    load(options);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error instanceof Error ? error.message : "";
  }
  throw new Error("nothing was refused");
}

test("every key has a default, in bytes and milliseconds", () => {
  const { config, origins, file } = load();
  expect(file).toBeUndefined();
  expect(config.server).toEqual({
    address: "::",
    port: 8000,
    allow: [],
    layouts: ["filename-hash BLAKE2B 8", "flat"],
    admin_token: "",
    hostnames: [],
    trusted_proxies: [],
    client_statistics: true,
    reverse_dns: "auto",
    drain: 30_000,
    tls_cert: "",
    tls_key: "",
  });
  expect(config.storage).toMatchObject({ max_size: 50 * 2 ** 30, min_free: 2 ** 30, max_age: 0, keep: [] });
  expect(config.storage).toMatchObject({ orphan_grace: 2_592_000_000, memory: 2 ** 26, scrub: 2_592_000_000 });
  expect(config.fetcher).toEqual({
    mirrors: ["https://distfiles.gentoo.org"],
    strategy: "adaptive",
    connections_per_file: 4,
    max_downloads: 16,
    max_rate: 0,
    max_rate_hours: undefined,
    connect_timeout: 10_000,
    stall_timeout: 20_000,
    negative_ttl: 600_000,
    src_uri: true,
    read_ahead: 8,
    user_agent: "",
    unknown: "mirrors",
    proxy: "",
    private_networks: false,
  });
  expect(config.repo).toEqual({ sync_interval: 60, repos: [], evaluate: "auto", sandbox: "best" });
  expect(config.log).toEqual({ level: "info", format: "text", requests: 7 * 24 * 3_600_000 });
  expect(new Set(Object.values(origins).flatMap((section) => Object.values(section)))).toEqual(new Set(["default"]));
});

test("names of clients are lines of their own in the file, and a list in variables", () => {
  const file = write('[clients]\n"192.168.1.5" = "builder"\n"fd00::5" = "two words"\n');
  expect(load({ file }).config.clients.names).toEqual(["192.168.1.5=builder", "fd00::5=two words"]);
  const env = { PORTCACHE_CLIENTS_NAMES: "10.0.0.1=a 10.0.0.2=b" };
  expect(load({ env }).config.clients.names).toEqual(["10.0.0.1=a", "10.0.0.2=b"]);
  const wrong = write('[clients]\nbuilder = "192.168.1.5"\n"10.0.0.1" = ""\n');
  expect(() => load({ file: wrong })).toThrow(
    /:1: clients\.names: expected .*, got the item "builder=192\.168\.1\.5"\n.*:1: clients\.names: expected .*, got the item "10\.0\.0\.1="$/,
  );
});

test("the configuration of the Rust original is accepted unchanged", () => {
  const file = write(`[storage]
location = "/tmp/portcache"

[fetcher]
mirrors = [
    "https://ftp.halifax.rwth-aachen.de/gentoo/",
    "http://bad.mirror.invalid/gentoo/",
]

[server]
address = "127.0.0.1"
port = 8000

[repo]
sync_interval = 5
repos = ["https://github.com/xarblu/xarblu-overlay"]
`);
  const { config, origins } = load({ file });
  expect(config.storage.location).toBe("/tmp/portcache");
  expect(config.fetcher.mirrors).toHaveLength(2);
  expect(config.repo).toMatchObject({ sync_interval: 5, repos: ["https://github.com/xarblu/xarblu-overlay"] });
  expect([origins.server.port, origins.server.drain]).toEqual(["file", "default"]);
});

test("the environment overrides the file, a flag the environment, and a later flag an earlier one", () => {
  const options = { file: write("[server]\nport = 1\n"), env: { PORTCACHE_SERVER_PORT: "2" } };
  expect(load({ file: options.file }).config.server.port).toBe(1);
  const fromEnvironment = load(options);
  expect([fromEnvironment.config.server.port, fromEnvironment.origins.server.port]).toEqual([2, "environment"]);
  const fromFlags = load({ ...options, overrides: [set("server.port", "3"), set("server.port", "4")] });
  expect([fromFlags.config.server.port, fromFlags.origins.server.port]).toEqual([4, "flag"]);
});

test("every key can be set by a variable, with the same text as in the file", () => {
  const env: Record<string, string> = {};
  for (const { section, name, key } of allSettings()) {
    const text = Array.isArray(key.preset) ? key.preset.join(" ") : String(key.preset);
    env[`PORTCACHE_${section}_${name}`.toUpperCase()] = text;
  }
  const { config, origins } = load({ env });
  expect({ ...config, storage: undefined }).toEqual({ ...load().config, storage: undefined });
  expect(new Set(Object.values(origins).flatMap((section) => Object.values(section)))).toEqual(
    new Set(["environment"]),
  );
});

test("lists in variables and flags are separated by blanks or written as in TOML, and layouts keep their blanks", () => {
  const { config } = load({
    env: {
      PORTCACHE_FETCHER_MIRRORS: " http://a  http://b\n",
      PORTCACHE_SERVER_LAYOUTS: "flat filename-hash SHA512 8:8 content-hash BLAKE2B 8",
      PORTCACHE_STORAGE_KEEP: '["a b*", "c"]',
      PORTCACHE_SERVER_ALLOW: "",
    },
    overrides: [{ path: "repo.repos", given: ["/a", "/b"], flag: "--repo" }],
  });
  expect(config.fetcher.mirrors).toEqual(["http://a", "http://b"]);
  expect(config.server.layouts).toEqual(["flat", "filename-hash SHA512 8:8", "content-hash BLAKE2B 8"]);
  expect(config.storage.keep).toEqual(["a b*", "c"]);
  expect(config.server.allow).toEqual([]);
  expect(config.repo.repos).toEqual(["/a", "/b"]);
});

test("an invalid value is refused with its line and key, what was expected and what was given", () => {
  for (const [text, line, ...parts] of [
    ["[server]\nport = 65536", 2, "server.port", "65536", "from 0 to 65535"],
    ['[server]\n\nport = "x"', 3, "server.port", '"x"', "whole number"],
    ["[server]\nport = 1.5", 2, "server.port", "1.5"],
    ['[server]\naddress = "[::]"', 2, "server.address", "[::]", "without brackets"],
    ['[server]\nallow = ["10.0.0.0/33"]', 2, "server.allow", "10.0.0.0/33", "CIDR"],
    ["[server]\nlayouts = []", 2, "server.layouts", "[]", "one or more"],
    ['[server]\nlayouts = ["filename-hash MD5 8"]', 2, "MD5", "BLAKE2B or SHA512"],
    ["[server]\ndrain = 30", 2, "server.drain", "30", '"90s"'],
    ['[server]\ntls_cert = "/x"', 2, "server.tls_cert", "server.tls_key", "as well"],
    ['[storage]\nmax_size = "10 gigs"', 2, "storage.max_size", "10 gigs", "10GiB"],
    ['[storage]\nmax_age = "6M"', 2, "storage.max_age", "6M", "6 months"],
    ["[storage]\nmax_size = -1", 2, "storage.max_size", "-1"],
    ["[storage]\nmax_size = 1979-05-27", 2, "storage.max_size", "1979-05-27"],
    ["[storage]\nmax_size = inf", 2, "storage.max_size", "got Infinity"],
    ['[storage]\nkeep = ["distfiles/a*"]', 2, "storage.keep", '"distfiles/a*"', "without slashes"],
    ['[storage]\nlocation = ""', 2, "storage.location", '""'],
    ['[fetcher]\nmirrors = [\n"http://a",\n"ftp://b"]', 2, "fetcher.mirrors", '"ftp://b"', "http:// or https://"],
    ['[fetcher]\nmirrors = "http://a"', 2, "fetcher.mirrors", "a list"],
    ['[fetcher]\nstrategy = "fast"', 2, "fetcher.strategy", "fast", '"round-robin"'],
    ["[fetcher]\nconnections_per_file = 0", 2, "fetcher.connections_per_file", "from 1 to"],
    ['[fetcher]\nconnect_timeout = "0"', 2, "fetcher.connect_timeout", "from 100ms to 1h"],
    ['[fetcher]\nuser_agent = "a\\r\\nb"', 2, "fetcher.user_agent", "printable"],
    ['[fetcher]\nproxy = "socks5://x"', 2, "fetcher.proxy", "socks5"],
    ['[fetcher]\nsrc_uri = "yes"', 2, "fetcher.src_uri", "true or false"],
    ['[repo]\nrepos = ["gentoo"]', 2, "repo.repos", '"gentoo"', "absolute paths"],
    ['[log]\nlevel = "loud"', 2, "log.level", "loud", '"debug"'],
    ["server = 3", 1, "server", "3", "[server]"],
    ["[server]\nport = ", 2, "not valid TOML"],
  ] as const) {
    const file = write(text);
    const message = messageOf({ file });
    expect(message).toStartWith(`${file}:${line}: `);
    for (const part of parts) expect(message).toContain(part);
    // Below a message about TOML are lines of the file.
    expect(message.replace(/\n\d+: .*$/s, "")).not.toContain("\n");
  }
});

test("an unknown key or section suggests the nearest one, or lists what there is if none is near", () => {
  for (const [text, suggestion] of [
    ["[server]\nprot = 1", "did you mean server.port?"],
    ["[fetcher]\nmirror = []", "did you mean fetcher.mirrors?"],
    ['[server]\nlocation = "/x"', "did you mean storage.location?"],
    ["[sever]\nport = 1", "did you mean [server]?"],
    ["mirrors = []", "did you mean fetcher.mirrors?"],
    ["[log]\ncolour = 1", "unknown key colour in [log]: expected one of level, format"],
    [
      "[nope]\nx = 1",
      "unknown section [nope]: expected one of [server], [clients], [storage], [fetcher], [repo], [log]",
    ],
    [
      "nope = 1",
      "unknown key nope outside of a section: expected a key of server, clients, storage, fetcher, repo, log",
    ],
  ] as const) {
    expect(messageOf({ file: write(text) })).toContain(suggestion);
  }
  expect(messageOf({ overrides: [set("server.prot", "1")] })).toBe(
    "--set server.prot: unknown key server.prot, did you mean server.port?",
  );
  expect(messageOf({ overrides: [set("port", "1")] })).toContain("did you mean server.port?");
  expect(messageOf({ overrides: [set("nope.x", "1")] })).toBe(
    "--set nope.x: unknown key nope.x: expected a key of server, clients, storage, fetcher, repo, log",
  );
});

test("an unknown variable of a section is an error, other variables are ignored", () => {
  expect(messageOf({ env: { PORTCACHE_SERVER_PROT: "1" } })).toBe(
    "PORTCACHE_SERVER_PROT: unknown environment variable, did you mean PORTCACHE_SERVER_PORT?",
  );
  expect(messageOf({ env: { PORTCACHE_SERVER_PORT: "x" } })).toContain(
    'PORTCACHE_SERVER_PORT: server.port: expected a whole number from 0 to 65535, got "x"',
  );
  expect(load({ env: { PORTCACHE_OPTS: "--quiet", PORTCACHE_PORT: "tcp://x", PATH: "/bin" } }).config).toEqual(
    load().config,
  );
});

test("all problems of file, variables and flags are reported at once, and all items of a list", () => {
  const file = write(
    '[server]\nprot = 1\nport = 65536\n[sever]\nx = 1\n[fetcher]\nmirrors = ["ftp://a", "http://b", "c"]\n',
  );
  const env = { PORTCACHE_STORAGE_MAX_SIZE: "much", PORTCACHE_LOG_LEVLE: "info" };
  const overrides = [set("server.tls_cert", "/x"), set("repo.repo", "/x"), set("repo.sync_interval", "-1")];
  expect(
    messageOf({ file, env, overrides })
      .split("\n")
      .map((line) => line.replace(/: expected .*, got/, ": got")),
  ).toEqual([
    `${file}:4: unknown section [sever], did you mean [server]?`,
    `${file}:2: unknown key prot in [server], did you mean server.port?`,
    "PORTCACHE_LOG_LEVLE: unknown environment variable, did you mean PORTCACHE_LOG_LEVEL?",
    "--set repo.repo: unknown key repo.repo, did you mean repo.repos?",
    `${file}:3: server.port: got 65536`,
    `${file}:7: fetcher.mirrors: got the item "ftp://a"`,
    `${file}:7: fetcher.mirrors: got the item "c"`,
    'PORTCACHE_STORAGE_MAX_SIZE: storage.max_size: got "much"',
    '--set repo.sync_interval: got "-1"',
    '--set server.tls_cert: got only "/x"',
  ]);
});

test("a file that is not valid TOML hides no problem of variables and flags", () => {
  const file = write("[server\n");
  const lines = messageOf({ file, env: { PORTCACHE_SERVER_PORT: "x" } }).split("\n");
  expect(lines).toEqual([
    expect.stringContaining(`${file}:1: not valid TOML`),
    "1:  [server",
    "           ^",
    expect.stringContaining("PORTCACHE_SERVER_PORT"),
  ]);
});

test("sizes and times that cannot be meant are valid, and doubted", () => {
  const file = write("[storage]\nmax_size = 50\nmin_free = 0\n");
  const { config, doubts } = load({
    file,
    overrides: [set("fetcher.negative_ttl", "3 months"), set("storage.max_age", "30s")],
  });
  expect([config.storage.max_size, config.storage.min_free]).toEqual([50, 0]);
  expect(doubts).toEqual([
    `${file}:2: storage.max_size: expected 0, or at least 1MiB, got 50B`,
    "--set storage.max_age: expected 0, or at least 1h, got 30s",
    "--set fetcher.negative_ttl: expected at most 30d, got 90d",
  ]);
  expect(load().doubts).toEqual([]);
});

test("what cannot be meant is told together with what is invalid", () => {
  const file = write(
    '[storage]\nmax_size = 50\n[fetcher]\nmirrors = ["https://a.test/distfiles"]\nmax_downloads = 0\n',
  );
  expect(messageOf({ file }).split("\n")).toEqual([
    `${file}:5: fetcher.max_downloads: expected a whole number from 1 to 256, got 0`,
    `${file}:2: storage.max_size: expected 0, or at least 1MiB, got 50B`,
    `${file}:4: fetcher.mirrors: expected https://a.test, to which distfiles/ is added, got https://a.test/distfiles`,
  ]);
});

test("a default file that cannot be looked at, or is a link to nowhere, is no missing one", () => {
  const closed = `${folder}/closed`;
  mkdirSync(closed, { mode: 0o700 });
  symlinkSync("/nowhere/portcache.toml", `${folder}/dangling.toml`);
  symlinkSync("/nowhere", `${folder}/dangling`);
  const names = ["closed/portcache.toml", "dangling.toml", "dangling/portcache.toml"];
  const script = `
    const { loadConfig } = await import(${JSON.stringify(`${import.meta.dir}/load.ts`)});
    process.setgid?.(65534);
    process.setuid?.(65534);
    for (const name of ${JSON.stringify(names)}) {
      try {
        loadConfig({ env: { HOME: "/h" }, defaultFile: ${JSON.stringify(folder)} + "/" + name });
        console.log("not refused");
      } catch (error) {
        console.log(error.message);
      }
    }`;
  writeFileSync(`${folder}/closed.ts`, script);
  chmodSync(folder, 0o755);
  const run = process.getuid?.() === 0 ? Bun.spawnSync([process.execPath, `${folder}/closed.ts`]) : undefined;
  const lines = run?.stdout.toString().trim().split("\n");
  if (lines)
    expect(lines).toEqual([
      `Cannot read the configuration file ${folder}/closed/portcache.toml: permission denied`,
      `Cannot read the configuration file ${folder}/dangling.toml: ${folder}/dangling.toml is a link to /nowhere/portcache.toml, which is not there`,
      `Cannot read the configuration file ${folder}/dangling/portcache.toml: ${folder}/dangling is a link to /nowhere, which is not there`,
    ]);
});

test("messages never show secrets", () => {
  expect(messageOf({ overrides: [set("server.admin_token", "hunter 2")] })).not.toContain("hunter");
  const message = messageOf({ overrides: [set("fetcher.mirrors", "ftp://me:hunter2@box/x")] });
  expect(message).not.toContain("hunter2");
  expect(message).toContain("ftp://***@box/x");
});

test("a file given by a flag must exist and be readable; the default one may be missing", () => {
  expect(messageOf({ file: NO_FILE })).toContain(NO_FILE);
  expect(messageOf({ file: folder })).toContain(folder);
  const defaultFile = write("[server]\nport = 7\n");
  expect(load({ defaultFile })).toMatchObject({ file: defaultFile, config: { server: { port: 7 } } });
});

test("every default is valid, and reads back as it is printed", () => {
  const { config } = load();
  for (const setting of allSettings()) {
    const section: Readonly<Record<string, unknown>> = config[setting.section];
    const shown = setting.key.kind.format(section[setting.name]);
    const again: Readonly<Record<string, unknown>> = load({ overrides: [set(pathOf(setting), shown)] }).config[
      setting.section
    ];
    expect([pathOf(setting), again[setting.name]]).toEqual([pathOf(setting), section[setting.name]]);
  }
});

test("a relative location starts at the working directory", () => {
  expect(load({ overrides: [set("storage.location", "cache/x")] }).config.storage.location).toBe(
    `${process.cwd()}/cache/x`,
  );
});

test("a user's cache folder is XDG_CACHE_HOME if that is absolute, else in HOME", () => {
  expect(userLocation({ XDG_CACHE_HOME: "/c", HOME: "/h" })).toBe("/c/portcache");
  expect(userLocation({ XDG_CACHE_HOME: "c", HOME: "/h" })).toBe("/h/.cache/portcache");
  expect(userLocation({ HOME: "/h" })).toBe("/h/.cache/portcache");
});

test("a folder that does not exist is writable if its nearest parent is", () => {
  expect([canWrite(folder), canWrite(`${folder}/a/b`), canWrite(`${write("")}/x`)]).toEqual([true, true, false]);
});

test("a user who may not write the default store gets one below the cache folder, unless a location is set", () => {
  const script = `
    const { loadConfig } = await import(${JSON.stringify(`${import.meta.dir}/load.ts`)});
    const options = { env: { HOME: "/h" }, defaultFile: "/nowhere.toml" };
    const chosen = [{ path: "storage.location", given: "/var/cache/portcache", flag: "--location" }];
    if (process.getuid?.() === 0) process.setgid?.(65534);
    if (process.getuid?.() === 0) process.setuid?.(65534);
    console.log(JSON.stringify([loadConfig(options), loadConfig({ ...options, overrides: chosen })]));`;
  const file = `${folder}/unprivileged.ts`;
  writeFileSync(file, script);
  chmodSync(folder, 0o755);
  const run = Bun.spawnSync([process.execPath, file]);
  if (run.exitCode !== 0) throw new Error(run.stderr.toString());
  const [own, chosen] = JSON.parse(run.stdout.toString());
  expect(own.config.storage.location).toBe("/h/.cache/portcache");
  expect(own.origins.storage.location).toBe("default");
  expect(own.notes).toEqual([
    "/var/cache/portcache is not writable: using /h/.cache/portcache as the store (set storage.location to choose another)",
  ]);
  expect([chosen.config.storage.location, chosen.notes]).toEqual(["/var/cache/portcache", []]);
});

test("hours of the day are read, and other texts are errors that say what is expected", () => {
  const load = (path: string, given: string) =>
    loadConfig({ env: {}, defaultFile: "/nonexistent", overrides: [{ path, given, flag: `--set ${path}` }] });
  expect(load("fetcher.max_rate_hours", "8:00-23:30").config.fetcher.max_rate_hours).toEqual({ start: 480, end: 1410 });
  expect(load("fetcher.max_rate", "4MiB").config.fetcher.max_rate).toBe(4 * 2 ** 20);
  expect(() => load("fetcher.max_rate_hours", "8-23")).toThrow(
    '--set fetcher.max_rate_hours: expected hours of the day such as "08:00-23:00", or over midnight "22:00-06:00", or nothing, got "8-23"',
  );
  expect(() => load("fetcher.max_rate", "4MiB/s")).toThrow("--set fetcher.max_rate: expected a size in bytes");
  expect(load("fetcher.max_rate", "4").doubts.join()).toContain(
    "fetcher.max_rate: expected 0, or at least 16KiB, got 4B",
  );
});

test("a configuration file without end is refused", () => {
  const load = () => loadConfig({ env: {}, file: "/dev/zero" });
  expect(load).toThrow("Cannot read the configuration file /dev/zero: expected at most 1MiB");
  expect(loadConfig({ env: {}, file: "/dev/null" }).file).toBe("/dev/null");
});
