import { expect, setDefaultTimeout, test } from "bun:test";
import { loadConfig } from "../config/load.ts";
import { socketPath } from "../server/control-socket.ts";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, UNATTENDED } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";
import { why } from "./why-command.ts";

setDefaultTimeout(60_000);

async function run(location: string, files: readonly string[], json = false) {
  const [out, err]: string[][] = [[], []];
  const output = {
    out: (text: string) => void out?.push(text),
    err: (text: string) => void err?.push(text),
    paint: (_: unknown, text: string) => text,
  };
  const overrides = [{ path: "storage.location", given: location, flag: "--location" }];
  const loaded = loadConfig({ env: {}, defaultFile: "/nonexistent", overrides });
  const exit = await why(loaded, files, json, output, Date.now());
  return { exit, text: out?.join("\n") ?? "", err: err?.join("\n") ?? "" };
}

/** Answers at the store's socket as the server does at its port. */
async function serveSocket(location: string, url: string) {
  return Bun.serve({
    unix: socketPath(location),
    fetch: (request) => fetch(url + new URL(request.url).pathname + new URL(request.url).search),
  });
}

test("why prints who wants a file, what came, and after its removal when and why, also without the server", async () => {
  using folder = createTempFolder();
  const dist = { "a.zip": { size: 3000, seed: 1 }, "gone.zip": { size: 30, seed: 2 } };
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/a", { dist });
  await using mirror = await startFakeUpstream({ files: new Map([["a.zip", dist["a.zip"]]]) });
  const location = folder.file("store");
  await expect(run(location, ["a.zip"])).rejects.toThrow("There is no store");
  const server = await startServer({ location, mirrors: [mirror.url], repos: [repository.location] });
  await server.settled;
  for (const name of ["a.zip", "gone.zip"]) await (await fetch(`${server.url}/distfiles/${name}`)).bytes();
  const live = await serveSocket(location, server.url);
  expect((await run(location, ["a.zip"])).text).toMatch(
    /Downloads +stored in [^\n]+\n +delivered +2\.93 KiB in .*, first byte after .* http/,
  );
  expect((await run(location, ["a.zip"])).text).toMatch(/Requests +127\.0\.0\.1: miss, 2\.93 KiB, /);
  await live.stop(true);
  await server.stop();
  const here = await run(location, ["a.zip"]);
  expect(here.exit).toBe(0);
  for (const part of [
    /^a\.zip\n {2}Stored, and its digest matches/,
    /Wanted by +\S+: app-misc\/a \(2\.93 KiB\)/,
    /From +http/,
  ])
    expect(here.text).toMatch(part);
  const absent = await run(location, ["gone.zip"]);
  expect([absent.exit, absent.text]).toEqual([1, expect.stringMatching(/Failures +Not found, just now/)]);
  const again = await startServer({ location, mirrors: [mirror.url], repos: [repository.location] });
  await again.settled;
  await again.actions.drop({ names: ["a.zip"] }, UNATTENDED);
  await again.stop();
  const removed = await run(location, ["a.zip"]);
  expect(removed.exit).toBe(1);
  expect(removed.text).toContain("Not stored: somebody had it removed");
  expect(removed.text).toMatch(/Removed +on request, just now, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
  const [json] = JSON.parse((await run(location, ["a.zip"], true)).text);
  expect(json.removed).toEqual({ at: expect.any(String), reason: "dropped" });
  await expect(run(location, ["../x"])).rejects.toThrow("FILE: expected the name of a distfile");
});
