/**
 * Tests that the password of a mirror is nowhere in the store, whatever was fetched, failed or is half done.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { startFakeUpstream } from "../testing/fake-upstream.ts";
import { writeRepository } from "../testing/repository.ts";
import { startServer } from "../testing/server.ts";
import { createTempFolder } from "../testing/temp.ts";

const KNOWN = { size: 50_000, seed: 1 };
const UNKNOWN = { size: 500_000, seed: 2 };

test("no password of a mirror is in any file of the store", async () => {
  using folder = createTempFolder();
  const mirror = await startFakeUpstream({ files: new Map([["known.zip", KNOWN]]) });
  mirror.files.set("/snapshots/x.tar.xz", UNKNOWN);
  mirror.files.set("cut.zip", UNKNOWN);
  mirror.setFault("cut.zip", { kind: "close", at: 100_000 });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/a", { dist: { "known.zip": KNOWN, "absent.zip": KNOWN } });
  const server = await startServer({
    location: folder.file("store"),
    mirrors: [mirror.url.replace("://", "://me:hunter2@"), "http://me:hunter2@127.0.0.1:9"],
    repos: [repository.location],
    settings: { "fetcher.strategy": "ordered" },
  });
  await server.settled;
  const status = async (path: string) => {
    const response = await fetch(`${server.url}${path}`);
    await response.bytes().catch(() => undefined);
    return response.status;
  };
  expect([await status("/distfiles/known.zip"), await status("/snapshots/x.tar.xz")]).toEqual([200, 200]);
  for (const name of ["absent.zip", "cut.zip", "nowhere.zip"]) await status(`/distfiles/${name}`);
  const { mirrors } = (await (await fetch(`${server.url}/api/v1/mirrors`)).json()) as { mirrors: { url: string }[] };
  expect(mirrors.map(({ url }) => url)).toContain(mirror.url.replace("://", "://***@"));
  const texts = () =>
    readdirSync(folder.file("store"), { recursive: true, encoding: "utf8" })
      .map((path) => join(folder.file("store"), path))
      .filter((path) => statSync(path).isFile())
      .map((path) => [path, readFileSync(path, "latin1").includes("hunter2")] as const);
  const whileRunning = texts();
  await server.stop();
  for (const [path, leaks] of [...whileRunning, ...texts()]) expect([path, leaks]).toEqual([path, false]);
  expect(texts().length).toBeGreaterThan(3);
  await mirror.close();
});
