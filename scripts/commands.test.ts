/**
 * Commands of the executable, with and without a server on the store: what they print, what they leave, how they end.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { formatSettings, runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { createTempFolder, type TempFolder } from "../src/testing/temp.ts";
import { type Tree, writeTree } from "../src/testing/tree.ts";

let folder: TempFolder;
let tree: Tree;
let server: Server | undefined;
let config: string;

beforeEach(() => {
  folder = createTempFolder("portcache-commands-");
  tree = writeTree(folder.file("tree"));
  tree.put("app-misc/one", { dist: { "one-1.tar": "one", "two-1.tar": "two" } });
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
    repo: { repos: [tree.location] },
    fetcher: { mirrors: ["http://127.0.0.1:1"] },
  };
}

async function serve(): Promise<Server> {
  server = await startExecutable({ settings: settings(), location: folder.file("store") });
  return server;
}

const run = (...args: string[]) => runExecutable([...args, "--config", config]);

for (const where of ["without a server", "with a server"]) {
  test(`index tells what the trees hold, ${where}`, async () => {
    if (where === "with a server") await serve();
    const { exit, stdout, stderr } = await run("index", "--json");
    expect([exit, stderr]).toEqual([0, ""]);
    const report = JSON.parse(stdout);
    expect(report.repositories).toEqual([
      expect.objectContaining({ name: "gentoo", packages: 1, distfiles: 2, problem: null }),
    ]);
    tree.put("app-misc/more", { dist: { "more-1.tar": "more" } });
    const again = await run("index", "--full");
    expect([again.exit, again.stderr]).toEqual([0, ""]);
    expect(again.stdout).toMatch(/^Repository +Packages +Distfiles +Took +Location\ngentoo +2 +3 +.+tree\n$/);
  });
}

test("the socket is its owner's and group's, is made anew after a kill, and goes with the server", async () => {
  const path = folder.file("store/portcache.sock");
  const first = await serve();
  expect(statSync(path).mode & 0o777).toBe(0o660);
  await first.stop("SIGKILL");
  expect(existsSync(path)).toBe(true);
  // A stale one is nobody's: the command does it itself.
  expect((await run("index")).exit).toBe(0);
  await server?.[Symbol.asyncDispose]();
  const second = await serve();
  expect((await run("index")).exit).toBe(0);
  expect(await second.stop("SIGTERM")).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test("changes are not taken over TCP", async () => {
  const { url } = await serve();
  const answer = await fetch(`${url}/api/v1/rescan`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([403, "application/problem+json"]);
});
