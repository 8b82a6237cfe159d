import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { loadConfig } from "../config/load.ts";
import { digestsOf } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { type TestRepository, writeRepository } from "../testing/repository.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";
import { resolve } from "./resolve-command.ts";

setDefaultTimeout(30_000);

let folder: TempFolder;
let repository: TestRepository;
let mirror: FakeUpstream;

beforeEach(async () => {
  folder = createTempFolder();
  repository = writeRepository(folder.file("repository"));
  mirror = await startFakeUpstream();
});

afterEach(async () => {
  await mirror.close();
  folder.remove();
});

async function run(files: readonly string[], json: boolean): Promise<string> {
  const printed: string[] = [];
  const output = {
    out: (text: string) => printed.push(text),
    err: () => undefined,
    paint: (_: unknown, text: string) => text,
  };
  const overrides = [
    { path: "storage.location", given: folder.file("store"), flag: "--location" },
    { path: "fetcher.mirrors", given: [mirror.url], flag: "--mirror" },
    { path: "repo.repos", given: [repository.location], flag: "--repo" },
    { path: "log.level", given: "error", flag: "--quiet" },
  ];
  const loaded = loadConfig({ env: {}, defaultFile: "/nonexistent", overrides });
  await resolve(loaded, files, { userAgent: "portcache/test", environment: {} }, json, output);
  return printed.join("\n");
}

test("the restriction is that of the file: fetch+ and mirror+ lift it", async () => {
  const uris = ["https://e.test/plain.zip", "fetch+https://e.test/fetched.zip", "mirror+https://e.test/mirrored.zip"];
  const names = ["plain.zip", "fetched.zip", "mirrored.zip"];
  repository.put("app-misc/foo", {
    dist: Object.fromEntries(names.map((name) => [name, name])),
    ebuilds: [{ version: "1", srcUri: uris.join(" "), restrict: "fetch" }],
  });
  const found: { file: string; restrict: unknown; uris: unknown }[] = JSON.parse(await run(names, true));
  expect(found.map(({ restrict, uris }) => [restrict, uris])).toEqual([
    [{ fetch: true, mirror: true }, []],
    [{ fetch: false, mirror: true }, ["https://e.test/fetched.zip"]],
    [{ fetch: false, mirror: false }, ["https://e.test/mirrored.zip"]],
  ]);
});

test("all contents under a name are shown, with their packages, sizes and whether the first one is stored", async () => {
  mirror.files.set("v1.0.tar.gz", { size: 300_000, seed: 1 });
  repository.put("dev-libs/a", { dist: { "v1.0.tar.gz": { size: 300_000, seed: 1 } } });
  repository.put("dev-libs/b", {
    dist: { "v1.0.tar.gz": "content of b" },
    lines: [`DIST old.tar 5 SHA1 ${"0".repeat(40)}`],
  });
  const before = JSON.parse(await run(["v1.0.tar.gz", "old.tar"], true));
  expect(before).toMatchObject([
    {
      size: 300_000,
      stored: null,
      packages: [{ package: "dev-libs/a" }],
      others: [{ size: 12, blake2b: digestsOf("content of b").blake2b, packages: [{ package: "dev-libs/b" }] }],
    },
    { size: 5, blake2b: null, other_hash: `SHA1 ${"0".repeat(40)}`, others: [] },
  ]);
  const options = { location: folder.file("store"), mirrors: [mirror.url], repos: [repository.location] };
  {
    await using server = await startServer(options);
    await server.settled;
    expect(JSON.parse(await run(["v1.0.tar.gz"], true))).toMatchObject([{ stored: false }]);
    await (await fetch(`${server.url}/distfiles/v1.0.tar.gz`)).bytes();
  }
  const text = await run(["v1.0.tar.gz"], false);
  expect(text).toContain("293 KiB (300,000 bytes)");
  expect(text).toMatch(/^ {2}Stored +yes$/m);
  expect(text).toMatch(/Another content under this name[\s\S]+ {4}Wanted by +gentoo: dev-libs\/b/);
});

test("an ebuild that is a link out of the repository is named as such", async () => {
  repository.put("app-misc/e", { dist: { "e.zip": "e" } });
  mkdirSync(folder.file("outside"));
  symlinkSync(folder.file("outside"), `${repository.location}/app-misc/e/e-1.ebuild`);
  expect(await run(["e.zip"], false)).toContain(
    "app-misc/e-1 has an unknown SRC_URI: it is a link out of the repository",
  );
});
