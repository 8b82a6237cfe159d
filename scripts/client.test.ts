/**
 * Runs `portcache client` as on a client machine: what it prints, writes, switches and tests.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../src/testing/repository.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;
let server: Server | undefined;

beforeEach(async () => {
  folder = createTempFolder("portcache-client-");
  repository = writeRepository(folder.file("repository"));
  mirror = await startFakeUpstream();
});

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
  await mirror.close();
  folder.remove();
});

const run = (...args: string[]) => runExecutable(["client", "--root", folder.file("root"), ...args]);
const mirrors = (name = "") => folder.file(`root/etc/portage/mirrors${name}`);
const text = (name = "") => readFileSync(mirrors(name), "utf8");
const URL = "http://cachebox:8000";

test("client prints the line and the alternative, and changes nothing", async () => {
  const { exit, stdout, stderr } = await run(`${URL}/`);
  expect([exit, stderr]).toEqual([0, ""]);
  expect(stdout).toContain(`\n  local ${URL}\n`);
  expect(stdout).toContain(`\n  GENTOO_MIRRORS="${URL}"\n`);
  const json = JSON.parse((await run(URL, "--json")).stdout);
  expect(json).toEqual({
    url: URL,
    line: `local ${URL}`,
    gentoo_mirrors: `GENTOO_MIRRORS="${URL}"`,
    file: mirrors(),
    state: "absent",
    changed: false,
    test: null,
  });
  expect(readdirSync(folder.path).sort()).toEqual(["repository"]);
  // The default is the server on this machine.
  expect(JSON.parse((await run("--json", "--port", "81")).stdout).url).toMatch(/^http:\/\/.+:81$/);
});

test("client writes the line once, switches it off and on, and keeps all other lines", async () => {
  mkdirSync(folder.file("root/etc/portage"), { recursive: true });
  writeFileSync(mirrors(), "# mine\nlocal http://nas\n");
  chmodSync(mirrors(), 0o640);
  for (const changed of [true, false]) {
    const { exit, stdout } = await run(URL, "--write", "--json");
    expect([exit, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ changed, state: "on" })]);
    expect(text()).toBe(`# mine\nlocal ${URL} # portcache\nlocal http://nas\n`);
  }
  for (const [flag, line, state] of [
    ["--off", `#local ${URL} # portcache`, "off"],
    ["--off", `#local ${URL} # portcache`, "off"],
    ["--on", `local ${URL} # portcache`, "on"],
  ] as const) {
    expect(JSON.parse((await run(flag, "--json")).stdout).state).toBe(state);
    expect(text()).toBe(`# mine\n${line}\nlocal http://nas\n`);
  }
  expect(statSync(mirrors()).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder.file("root/etc/portage"))).toEqual(["mirrors"]);
});

test("in a folder it adds a file, follows links, and finds the line in any file", async () => {
  mkdirSync(mirrors(), { recursive: true });
  writeFileSync(mirrors("/mine"), "local http://nas\n");
  await run(URL, "--write");
  expect([readdirSync(mirrors()).sort(), text("/00-portcache")]).toEqual([
    ["00-portcache", "mine"],
    `local ${URL} # portcache\n`,
  ]);
  writeFileSync(mirrors("/00-portcache"), "");
  writeFileSync(mirrors("/mine"), `local ${URL} http://nas\n`);
  expect((await run(URL, "--off")).exit).toBe(0);
  expect(text("/mine")).toBe(`#local ${URL} # portcache\nlocal http://nas\n`);
  symlinkSync("mine", mirrors("/linked"));
  expect((await run("--on")).exit).toBe(0);
  expect(text("/mine")).toBe(`local ${URL} # portcache\nlocal http://nas\n`);
  expect(readdirSync(mirrors()).sort()).toEqual(["00-portcache", "linked", "mine"]);
});

test("wrong usage exits with 2, and what cannot be done with 1", async () => {
  for (const [args, exit, ...parts] of [
    [["ftp://x"], 2, "URL", '"ftp://x"', "http://cachebox:8000"],
    [["http://x/distfiles"], 2, "without /distfiles"],
    [["--on", "--off"], 2, "--off", "--on"],
    [["--on"], 1, "--write"],
    [["--off"], 1, "mirrors"],
  ] as const) {
    const result = await run(...args);
    expect([args, result.exit, result.stdout]).toEqual([args, exit, ""]);
    expect(result.stderr).toMatch(/^portcache: [^\n]+\n$/);
    for (const part of parts) expect(result.stderr).toContain(part);
  }
  mkdirSync(folder.file("root/etc"), { recursive: true });
  writeFileSync(folder.file("root/etc/portage"), "in the way");
  expect(await run(URL, "--write")).toMatchObject({ exit: 1, stderr: expect.stringContaining("Cannot read") });
});

test("--test fetches through the server, and detects wrong content and a missing server", async () => {
  repository.put("app-misc/a", { dist: { "gone.tar": "gone", "small.tar": "small" } });
  mirror.files.set("small.tar", "small");
  server = await startExecutable({
    settings: { fetcher: { mirrors: [mirror.url] }, repo: { repos: [repository.location] } },
    location: folder.file("store"),
  });
  const attempt = async (url: string, ...args: string[]) =>
    await runExecutable(["client", url, "--test", "--location", folder.file("other"), ...args]);
  const good = await attempt(server.url, "--repo", repository.location);
  expect([good.exit, good.stderr]).toEqual([0, ""]);
  expect(good.stdout).toMatch(
    /^ok +.+layout\.conf\n.+\nfailed .+gone\.tar\n +answered 404: .+\nok +.+small\.tar\n +5 bytes in .+, as the Manifest says/,
  );
  const json = JSON.parse((await attempt(server.url, "--repo", repository.location, "--json")).stdout);
  expect(json.test.at(-1)).toMatchObject({ ok: true, detail: expect.stringContaining("portcache; hit") });
  // Without repositories of its own it asks for a file that the server has.
  const empty = writeRepository(folder.file("empty"), { name: "empty" });
  const without = await attempt(server.url, "--repo", empty.location);
  expect([without.exit, without.stdout]).toEqual([
    0,
    expect.stringContaining("not checked: no repository here has it"),
  ]);
  const other = writeRepository(folder.file("other"), { name: "other" });
  other.put("app-misc/a", { dist: { "small.tar": "smell" } });
  expect(await attempt(server.url, "--repo", other.location)).toMatchObject({
    exit: 1,
    stdout: expect.stringContaining("they do not match the Manifest"),
  });
  expect(await attempt("http://127.0.0.1:1")).toMatchObject({ exit: 1, stdout: expect.stringMatching(/^failed /) });
});
