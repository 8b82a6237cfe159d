import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { openIndex } from "../index/open.ts";
import { createRepositoryRows } from "../index/repositories.ts";
import { scanRepository } from "../repos/scan.ts";
import { lockStore } from "../store/lock.ts";
import { check } from "./check-command.ts";
import type { Output } from "./output.ts";

const folder = mkdtempSync(`${tmpdir()}/portcache-check-`);
afterAll(() => rmSync(folder, { recursive: true }));

const repository = `${folder}/repository`;
for (const path of ["app-misc/a", "app-misc/b", "virtual/c", "odd/d", "docs/e", "metadata/md5-cache", "profiles"]) {
  mkdirSync(`${repository}/${path}`, { recursive: true });
}
for (const path of ["app-misc/a", "app-misc/b", "virtual/c", "odd/d", "metadata/e"]) {
  mkdirSync(`${repository}/${path}`, { recursive: true });
  writeFileSync(`${repository}/${path}/Manifest`, "");
}
writeFileSync(`${repository}/profiles/repo_name`, "testing\n");
writeFileSync(`${repository}/app-misc/metadata.xml`, "");

async function printed(loaded: LoadedConfig, json: boolean, path: string | undefined) {
  let text = "";
  const output: Output = {
    out: (line) => {
      text += `${line}\n`;
    },
    err: () => undefined,
    paint: (_style, painted) => painted,
  };
  const code = await check(loaded, path, json, output);
  return { code, text, report: json ? JSON.parse(text) : undefined };
}

async function run(settings: Record<string, string>, json = true, file?: string, path = process.env["PATH"]) {
  const overrides = Object.entries({
    "repo.repos": repository,
    "storage.location": `${folder}/store`,
    ...settings,
  }).map(([path, given]) => ({ path, given, flag: "--set" }));
  const loaded = loadConfig({ env: {}, file, defaultFile: `${folder}/absent.toml`, overrides });
  return await printed(loaded, json, path);
}

test("without problems it exits with 0 and shows every setting with its origin", async () => {
  const { code, report } = await run({ "server.port": "81", "fetcher.stall_timeout": "5s" });
  expect([code, report.problems, report.notes]).toEqual([0, [], []]);
  expect(report.config.server.port).toEqual({ value: 81, origin: "flag" });
  expect(report.config.fetcher.stall_timeout).toEqual({ value: 5000, origin: "flag" });
  expect(report.config.storage.max_size).toEqual({ value: 50 * 2 ** 30, origin: "default" });
  expect(report.file).toBeNull();
  expect(report.store).toEqual({ location: `${folder}/store`, writable: true });
  expect(report.repositories).toEqual([{ name: "testing", location: repository, packages: 4 }]);
});

test("check writes nothing to disk", async () => {
  await run({});
  expect(existsSync(`${folder}/store`)).toBe(false);
});

test("packages are counted as a scan counts them", async () => {
  const rows = createRepositoryRows(openIndex(":memory:", `${import.meta.dir}/../../drizzle`).db);
  const [repositoryId = 0] = rows.configure([{ name: "testing", location: repository }]);
  const { signal } = new AbortController();
  const { packages } = await scanRepository({ repositoryId, location: repository, rows, full: false, signal });
  expect((await run({})).report.repositories).toMatchObject([{ packages }]);
});

test("secrets are not shown, as text or as JSON", async () => {
  const settings = {
    "server.admin_token": "hunter2",
    "fetcher.mirrors": "http://me:hunter2@box/x",
    "fetcher.proxy": "http://me:hunter2@proxy",
    "repo.repos": `${repository} https://me:hunter2@git/x`,
  };
  const { report, text } = await run(settings);
  expect(text + (await run(settings, false)).text).not.toContain("hunter2");
  expect(report.config.fetcher.mirrors.value).toEqual(["http://***@box/x"]);
  expect(report.config.server.admin_token.value).not.toBe("");
});

test("check shows the sandbox in force, or why there is none", async () => {
  expect((await run({})).report.sandbox).toMatch(/^(bubblewrap|unshare)$/);
  expect((await run({ "repo.sandbox": "none" })).report.sandbox).toBe("none");
  expect((await run({ "repo.evaluate": "never" })).report.sandbox).toContain("repo.evaluate");
});

test("each problem is reported, and the exit code is 1", async () => {
  writeFileSync(`${folder}/file`, "");
  symlinkSync("/nowhere", `${folder}/dangling`);
  const overlay = `${folder}/overlay`;
  mkdirSync(`${overlay}/metadata`, { recursive: true });
  writeFileSync(`${overlay}/metadata/layout.conf`, "masters = gentoo\n");
  mkdirSync(`${folder}/store`, { recursive: true });
  for (const [settings, part] of [
    [{ "repo.repos": `${folder}/nowhere` }, `${folder}/nowhere`],
    [{ "repo.repos": `${folder}/nowhere` }, `${folder}/nowhere is missing`],
    [
      { "repo.repos": folder },
      `is not an ebuild repository: it has neither profiles/ nor metadata/; did you mean ${overlay} or ${repository}?`,
    ],
    [{ "repo.repos": "/etc" }, "/etc is not an ebuild repository"],
    [{ "repo.repos": "/etc" }, "The ebuild repositories have no packages, so nothing is verified"],
    [{ "repo.repos": overlay }, `${overlay} has the master gentoo, which was not found`],
    [{ "storage.max_size": "50" }, "storage.max_size: expected 0, or at least 1MiB, got 50B"],
    [{ "storage.min_free": "100TiB" }, "nothing can be stored"],
    [{ "storage.location": `${folder}/dangling` }, "is a link to /nowhere, which is not there"],
    [{ "fetcher.mirrors": "" }, "--set: fetcher.mirrors: expected at least one mirror"],
    [
      { "fetcher.mirrors": "https://a.test/gentoo/distfiles/" },
      "fetcher.mirrors: expected https://a.test/gentoo, to which distfiles/ is added",
    ],
    [
      { "fetcher.mirrors": "https://a.test http://A.test:80 http://a.test/" },
      "each mirror once, got http://a.test/ again",
    ],
    [{ "fetcher.mirrors": "http://127.0.0.1:8123", "server.port": "8123" }, "is this server itself"],
    [{ "fetcher.mirrors": "http://[::1]:8123/", "server.port": "8123" }, "is this server itself"],
    [{ "repo.repos": "file:///nowhere/x.git" }, "cannot be cloned: there is no such folder"],
    [{ "storage.memory": "900TiB" }, "storage.memory: expected less than the machine's memory"],
    [{ "storage.location": "/proc/store" }, "The disk of /proc has 0MiB in total"],
    [{ "storage.location": `${folder}/file/store` }, "cannot be written"],
    [{ "server.tls_cert": `${folder}/no.pem`, "server.tls_key": `${folder}/file` }, "server.tls_cert"],
    [{ "server.tls_cert": `${folder}/file`, "server.tls_key": folder }, "server.tls_key"],
    [{ "server.tls_cert": `${folder}/file`, "server.tls_key": `${folder}/file` }, "not a PEM pair"],
  ] as [Record<string, string>, string][]) {
    const { code, report } = await run(settings);
    expect([code, report.problems.join("\n")]).toEqual([1, expect.stringContaining(part)]);
    expect((await run(settings, false)).text).toContain(part);
  }
});

test("check reports all problems at once, each with its line of the file", async () => {
  const file = `${folder}/problems.toml`;
  const plain = `${folder}/plain`;
  mkdirSync(`${plain}/app-misc`, { recursive: true });
  symlinkSync("/etc/hostname", `${plain}/app-misc/Manifest`);
  const lines = [
    "[server]",
    `tls_cert = "${folder}/no.pem"`,
    `tls_key = "${folder}/no.key"`,
    'address = "192.0.2.1"',
    "[storage]",
    "max_size = 50",
    'min_free = "100TiB"',
    'memory = "900TiB"',
    "[fetcher]",
    'mirrors = ["https://a.test/distfiles"]',
    "[repo]",
    "repos = [",
    `  "${plain}", "/nowhere", "file://${plain}",`,
    "]",
  ];
  writeFileSync(file, lines.join("\n"));
  const loaded = loadConfig({ env: {}, file, overrides: [{ path: "storage.location", given: folder, flag: "x" }] });
  const { code, report } = await printed(loaded, true, process.env["PATH"]);
  const at = (line: number, text: string) => expect.stringMatching(new RegExp(`^${file}:${line}: ${text}`));
  expect([code, report.problems]).toEqual([
    1,
    [
      at(6, "storage.max_size: expected 0, or at least 1MiB, got 50B"),
      at(10, "fetcher.mirrors: expected https://a.test, to which distfiles/ is added"),
      at(8, "storage.memory: expected less than the machine's memory"),
      at(12, `repo.repos: file://${plain} cannot be cloned: it is not a git repository`),
      at(7, `storage.min_free: The disk of ${folder} has \\d+MiB in total, but 100TiB are to stay free`),
      at(2, `server.tls_cert: Cannot read ${folder}/no.pem: no such file or directory`),
      at(3, "server.tls_key: Cannot read"),
      at(4, "server.address: Cannot listen on 192.0.2.1, port 8000: address not available"),
      at(12, `repo.repos: The repository ${plain} is not an ebuild repository: it has neither profiles/ nor metadata/`),
      at(12, "repo.repos: The repository /nowhere is missing"),
    ],
  ]);
});

test("the text has the same facts as the JSON", async () => {
  const { code, text } = await run({ "storage.max_size": "1GiB" }, false);
  expect(code).toBe(0);
  expect(text).toContain(`Store          ${folder}/store (writable)`);
  expect(text).toMatch(/storage\.max_size +flag +1GiB\n/);
  expect(text).toMatch(/fetcher\.connect_timeout +default +10s\n/);
  expect(text).toContain(`testing  ${repository}  4 packages`);
  expect(text).toContain("No problems found.");
});

test("what keeps a server from starting is a problem, but not that the one of this store is running", async () => {
  const free = await run({ "server.port": "0" });
  expect(free.report.obstacle).toBeNull();
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const taken = await run({ "server.address": "127.0.0.1", "server.port": String(listener.port) });
  expect([taken.code, taken.report.obstacle]).toEqual([1, expect.stringContaining("address already in use")]);
  expect(taken.report.problems).toEqual([taken.report.obstacle]);
  const foreign = await run({ "server.address": "192.0.2.1", "server.port": "0" });
  expect(foreign.report.problems.join()).toContain("--set: server.address: Cannot listen on 192.0.2.1");
  mkdirSync(`${folder}/held`);
  const lock = lockStore(`${folder}/held`, "portcache serve (process 4711)");
  const held = await run({ "storage.location": `${folder}/held` });
  const { text } = await run({ "storage.location": `${folder}/held` }, false);
  expect(text).toContain("portcache serve (process 4711) runs on this store\n");
  expect(text).toContain("No problems found.");
  expect(text).not.toContain("Cannot");
  lock.release();
  const obstacle = `Cannot use the store ${folder}/held: portcache serve (process 4711) holds it`;
  expect([held.code, held.report.obstacle, held.report.problems]).toEqual([0, obstacle, []]);
  expect((await run({ "storage.location": `${folder}/held`, "server.port": "0" })).report.obstacle).toBeNull();
});

test("check notes a disk with less space than storage.min_free", async () => {
  mkdirSync(`${folder}/store`, { recursive: true });
  const { blocks, bsize } = statfsSync(folder);
  const { report } = await run({ "storage.min_free": String(blocks * bsize - 1) });
  expect(report.notes.join("\n")).toContain("storage.min_free is");
  expect((await run({ "storage.min_free": "0" })).report.notes).toEqual([]);
});

test("files and folders of the store that cannot be used are problems, and a lock keeps the server from starting", async () => {
  const location = `${folder}/odd-store`;
  const reportOf = async () => (await run({ "storage.location": location, "server.port": "0" })).report;
  for (const name of ["portcache.lock", "index.sqlite", "trees.sqlite", "distfiles/layout.conf"]) {
    const path = `${location}/${name}`;
    for (const [put, reason] of [
      [() => mkdirSync(path), "it is not a file"],
      [() => symlinkSync(name.replace(/.*\//, ""), path), "too many levels of symbolic links"],
      [() => symlinkSync("/nowhere", path), `${path} is a link to /nowhere, which is not there`],
    ] as const) {
      mkdirSync(`${location}/distfiles`, { recursive: true });
      put();
      const { problems, obstacle } = await reportOf();
      expect([problems, obstacle]).toEqual([
        [`--set: storage.location: Cannot use ${path}: ${reason}`],
        name === "portcache.lock" ? `Cannot use ${path}: ${reason}` : null,
      ]);
      rmSync(location, { recursive: true });
    }
  }
});

test("what the search for sources reads and cannot is a problem", async () => {
  const other = `${folder}/unreadable`;
  for (const path of ["app-misc/a", "eclass", "profiles", "metadata"])
    mkdirSync(`${other}/${path}`, { recursive: true });
  writeFileSync(`${other}/app-misc/a/Manifest`, "");
  for (const path of ["metadata/md5-cache", "profiles/thirdpartymirrors", "eclass/acme.eclass"]) {
    symlinkSync("/not/mounted", `${other}/${path}`);
    const { code, report } = await run({ "repo.repos": other });
    const reason = "a link to something that is not there";
    expect([code, report.problems]).toEqual([1, [`--set: repo.repos: Cannot read ${other}/${path}: ${reason}`]]);
    unlinkSync(`${other}/${path}`);
  }
});

test("other servers, larger disks and repeated repositories are notes, not problems", async () => {
  const file = `${folder}/token.toml`;
  writeFileSync(file, '[server]\nadmin_token = "secret"\n', { mode: 0o644 });
  const noted = await run({ "storage.max_size": "900TiB", "repo.repos": `${repository} ${repository}/` }, true, file);
  expect(noted.code).toBe(0);
  expect(noted.report.notes).toEqual([
    `Every user may read ${file}, which has server.admin_token (chmod o-r ${file})`,
    expect.stringContaining("storage.max_size is 900TiB, but the disk has"),
    `repo.repos has ${repository} more than once`,
  ]);
  chmodSync(file, 0o640);
  expect((await run({}, true, file)).report.notes).toEqual([]);
});

test("git and rsync are missed where a URL needs them", async () => {
  const urls = "https://a.test/x.git rsync://a.test/y";
  const { report } = await run({ "repo.repos": urls }, true, undefined, `${folder}/no-programs`);
  expect(report.problems).toEqual([
    "--set: repo.repos: https://a.test/x.git cannot be cloned: git is not installed (Gentoo: emerge dev-vcs/git)",
    "--set: repo.repos: rsync://a.test/y cannot be cloned: rsync is not installed (Gentoo: emerge net-misc/rsync)",
  ]);
});

test("an ebuild or eclass that is a link out of its repository is a problem", async () => {
  const other = `${folder}/linked`;
  for (const path of ["app-misc/a", "eclass", "profiles"]) mkdirSync(`${other}/${path}`, { recursive: true });
  writeFileSync(`${other}/app-misc/a/Manifest`, "");
  symlinkSync("a-2.ebuild", `${other}/app-misc/a/a-1.ebuild`);
  writeFileSync(`${other}/app-misc/a/a-2.ebuild`, "EAPI=8\n");
  const problemsOf = async () => JSON.parse((await run({ "repo.repos": other })).text).problems;
  expect(await problemsOf()).toEqual([]);
  symlinkSync(`${repository}/app-misc/metadata.xml`, `${other}/app-misc/a/a-3.ebuild`);
  symlinkSync("/dev/zero", `${other}/eclass/acme.eclass`);
  const reason = "a link out of the repository (and 1 other paths of the repository)";
  expect(await problemsOf()).toEqual([`--set: repo.repos: Cannot read ${other}/eclass/acme.eclass: ${reason}`]);
});
