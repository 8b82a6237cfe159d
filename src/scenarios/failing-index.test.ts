/**
 * Makes every write of the index fail, as on a full disk: clients still get their files.
 */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { type Content, readContent } from "../testing/content.ts";
import { type FakeUpstream, startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer, type TestServer, UNATTENDED } from "../testing/server.ts";
import { distfilePath, untilStored } from "../testing/stored.ts";
import { createTempFolder, type TempFolder } from "../testing/temp.ts";

const MIB = 1024 * 1024;
const dist = {
  "before.tar.xz": { size: 10_000, seed: 1 },
  "gone.tar.xz": { size: 20_000, seed: 2 },
  "small.tar.xz": { size: 30_000, seed: 3 },
  "large.tar.xz": { size: 6 * MIB, seed: 4 },
};

let folder: TempFolder;
let mirror: FakeUpstream;
let server: TestServer;

beforeEach(async () => {
  folder = createTempFolder();
  const files = new Map<string, Content>([...Object.entries(dist), ["unknown.tar.xz", "unknown"]]);
  mirror = await startFakeUpstream({ files });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/some", { dist });
  server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url],
    repos: [repository.location],
    settings: { "log.level": "error" },
  });
  await server.settled;
});
afterEach(async () => {
  await server.stop();
  await mirror.close();
  folder.remove();
});

/** Makes each write to the index fail from now on. */
function refuseWrites(): Database {
  const database = new Database(folder.file("store/index.sqlite"));
  const tables = database
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .all();
  for (const { name } of tables) {
    for (const verb of ["INSERT", "UPDATE", "DELETE"]) {
      database.run(
        `CREATE TRIGGER "${name} ${verb}" BEFORE ${verb} ON "${name}" BEGIN SELECT RAISE(FAIL, 'the disk is full'); END`,
      );
    }
  }
  return database;
}

async function get(name: keyof typeof dist): Promise<string> {
  const response = await fetch(`${server.url}/distfiles/${name}`);
  const same = Buffer.compare(await response.bytes(), readContent(dist[name])) === 0;
  return `${response.status} ${same} ${response.headers.get("cache-status")}`;
}

test("while the index cannot be written, hits, misses, vanished and absent files are answered as usual", async () => {
  await get("before.tar.xz");
  await get("gone.tar.xz");
  await untilStored(`${server.url}/distfiles/gone.tar.xz`);
  mirror.files.set("later.tar.xz", "it");
  using _database = refuseWrites();
  rmSync(folder.file(`store${distfilePath("gone.tar.xz")}`));
  expect(await get("before.tar.xz")).toBe("200 true portcache; hit");
  for (const name of ["gone.tar.xz", "small.tar.xz", "large.tar.xz"] as const) {
    expect(`${name} ${await get(name)}`).toBe(`${name} 200 true portcache; fwd=uri-miss; stored`);
    expect(`${name} ${await get(name)}`).toBe(`${name} 200 true portcache; hit`);
  }
  expect(await (await fetch(`${server.url}/distfiles/unknown.tar.xz`)).text()).toBe("unknown");
  expect((await fetch(`${server.url}/distfiles/nowhere.tar.xz`)).status).toBe(404);
  expect((await fetch(`${server.url}/api/v1/status`)).status).toBe(200);
  await server.actions.rescan({ full: true }, UNATTENDED);
  expect(await get("before.tar.xz")).toBe("200 true portcache; hit");
});
