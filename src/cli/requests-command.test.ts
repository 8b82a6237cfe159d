import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { loadConfig } from "../config/load.ts";
import { socketPath } from "../server/control-socket.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";
import type { CommandOptions } from "./args.ts";
import { requests } from "./requests-command.ts";

setDefaultTimeout(60_000);

const folder = createTempFolder();
const location = folder.file("store");
const size = 300_000;
let mirror: Awaited<ReturnType<typeof startFakeUpstream>>;
let server: TestServer;
let socket: { stop(): Promise<void> };

beforeAll(async () => {
  mirror = await startFakeUpstream({ files: new Map([["a.zip", { size, seed: 1 }]]) });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/a", { dist: { "a.zip": { size, seed: 1 } } });
  server = await startServer({ location, mirrors: [mirror.url], repos: [repository.location] });
  await server.settled;
  socket = Bun.serve({
    unix: socketPath(location),
    fetch: ({ url }) => fetch(server.url + url.slice(url.indexOf("/api/"))),
  });
  for (const name of ["a.zip", "a.zip", "nowhere.zip"]) await (await fetch(`${server.url}/distfiles/${name}`)).bytes();
});
afterAll(async () => {
  await socket.stop();
  await server.stop();
  await mirror.close();
  folder.remove();
});

async function run(options: CommandOptions, json = false, store = location) {
  const [out, err]: [string[], string[]] = [[], []];
  const output = {
    out: (text: string) => out.push(text),
    err: (text: string) => err.push(text),
    paint: (_: unknown, text: string) => text,
  };
  const overrides = [{ path: "storage.location", given: store, flag: "--location" }];
  const loaded = loadConfig({ env: {}, defaultFile: "/nonexistent", overrides });
  return { code: await requests(loaded, options, json, output), out: out.join("\n"), err: err.join("\n") };
}

test("requests are lines of at most 80 columns for such names, the latest last", async () => {
  const { code, out } = await run({});
  expect(code).toBe(0);
  const lines = out.split("\n").map((line) => line.replace(/^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d/, "TIME"));
  expect(lines).toEqual([
    "TIME  127.0.0.1        miss       293 KiB  a.zip",
    "TIME  127.0.0.1        hit        293 KiB  a.zip",
    "TIME  127.0.0.1        absent         0 B  nowhere.zip",
  ]);
});

test("every filter goes to the server, and JSON is what it answered", async () => {
  const filter = { client: "127.0.0.1", outcome: "hit", file: "a", package: "app-misc/a", limit: "1" };
  const found = JSON.parse((await run(filter, true)).out);
  expect(found).toMatchObject([{ file: "a.zip", outcome: "hit", package: "app-misc/a" }]);
  expect(await run({ client: "192.0.2.1" })).toEqual({ code: 0, out: "", err: "No such requests." });
});

test("wrong values are said to be wrong before anything is asked", async () => {
  const messages: string[] = [];
  for (const options of [{ outcome: "hits" }, { package: "a" }, { limit: "0" }, { file: "" }])
    await run(options).catch((error: Error) => messages.push(error.message));
  expect(messages).toEqual([
    '--outcome: expected one of hit, miss, joined, absent, failed, refused, other, got "hits"',
    '--package: expected CATEGORY/PACKAGE, got "a"',
    '--limit: expected a whole number from 1 to 500, got "0"',
    "--file: expected a value, got nothing",
  ]);
});
