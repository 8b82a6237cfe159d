/**
 * Fills the store's disk: clients still get their files, no part file stays, and files are stored again once there is space.
 * Mounts a small tmpfs; skipped where that is not allowed.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Content, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { untilHealthy, untilStored } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const dist = {
  "small.zip": { size: MIB, seed: 1 },
  "later.zip": { size: 5 * MIB, seed: 2 },
  "other.zip": { size: 3 * MIB, seed: 3 },
};

const folder = createTempFolder();
const location = folder.file("store");
let mirror: FakeUpstream;
let server: Server;

mkdirSync(location);
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", location]).exitCode === 0;

beforeAll(async () => {
  mirror = await startFakeUpstream({ files: new Map<string, Content>(Object.entries(dist)) });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/two", { dist });
  server = await start();
});

async function start(): Promise<Server> {
  const repo = { repos: [folder.file("repository")] };
  return await startExecutable({
    location,
    settings: { repo, fetcher: { mirrors: [mirror.url] }, storage: { min_free: 0 } },
  });
}

afterAll(async () => {
  await server.stop("SIGKILL");
  await mirror.close();
  if (mounted) Bun.spawnSync(["umount", "--lazy", location]);
  folder.remove();
});

async function get(name: keyof typeof dist): Promise<"right" | "wrong" | number> {
  const response = await fetch(`${server.url}/distfiles/${name}`).catch(() => undefined);
  if (response?.status !== 200) return response?.status ?? 0;
  const bytes = await response.bytes().catch(() => undefined);
  if (!bytes) return 0;
  return Buffer.compare(bytes, readContent(dist[name])) === 0 ? "right" : "wrong";
}

function fill(): string {
  const filler = `${location}/filler`;
  for (const size of [256 * 1024, 4096]) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: "a" });
    } catch {
      // The disk is full, as intended.
    }
  }
  return filler;
}

const health = async () => await (await fetch(`${server.url}/healthz`)).text();

test.skipIf(!mounted)(
  "on a full disk clients still get their files, and files are stored again once there is space",
  async () => {
    expect(await get("small.zip")).toBe("right");
    const filler = fill();
    expect(await get("later.zip")).toBe("right");
    expect(await get("later.zip")).toBe("right");
    expect(await health()).toStartWith("degraded: ");
    expect(readdirSync(`${location}/partial`)).toEqual([]);
    expect(await get("small.zip")).toBe("right");
    rmSync(filler);
    expect(await get("later.zip")).toBe("right");
    await untilStored(`${server.url}/distfiles/later.zip`);
    await untilHealthy(server.url);
  },
);

test.skipIf(!mounted)("the server starts on a full disk, and is healthy after a restart with space", async () => {
  expect(await server.stop()).toBe(0);
  const filler = fill();
  server = await start();
  expect(await get("small.zip")).toBe("right");
  expect(await get("other.zip")).toBe("right");
  expect(await server.stop()).toBe(0);
  rmSync(filler);
  server = await start();
  expect(await get("small.zip")).toBe("right");
  expect(await get("other.zip")).toBe("right");
  await untilHealthy(server.url);
  expect(readFileSync(`${location}/distfiles/layout.conf`, "utf8")).toContain("filename-hash BLAKE2B 8");
});
