/**
 * A store on a file system that runs full: clients get their files all the same, no part stays behind, and when there is room
 * again files come in again. Mounts a small tmpfs; where that is not allowed it counts as skipped.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type Content, readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { createTempFolder } from "../src/testing/temp.ts";
import { writeTree } from "../src/testing/tree.ts";

const MIB = 1024 * 1024;
const dist = {
  "small.zip": { size: MIB, seed: 1 },
  "later.zip": { size: 5 * MIB, seed: 2 },
};

const folder = createTempFolder();
const location = folder.file("store");
let mirror: FakeUpstream;
let server: Server;

mkdirSync(location);
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", location]).exitCode === 0;

beforeAll(async () => {
  mirror = await startFakeUpstream({ files: new Map<string, Content>(Object.entries(dist)) });
  const tree = writeTree(folder.file("tree"));
  tree.put("app-misc/two", { dist });
  server = await startExecutable({
    location,
    settings: { repo: { repos: [tree.location] }, fetcher: { mirrors: [mirror.url] }, storage: { min_free: 0 } },
  });
});

afterAll(async () => {
  await server.stop("SIGKILL");
  await mirror.close();
  if (mounted) Bun.spawnSync(["umount", location]);
  folder.remove();
});

async function get(name: keyof typeof dist): Promise<"right" | "wrong" | number> {
  const response = await fetch(`${server.url}/distfiles/${name}`).catch(() => undefined);
  if (response?.status !== 200) return response?.status ?? 0;
  const bytes = await response.bytes().catch(() => undefined);
  if (!bytes) return 0;
  return Buffer.compare(bytes, readContent(dist[name])) === 0 ? "right" : "wrong";
}

const health = async () => await (await fetch(`${server.url}/healthz`)).text();

test.skipIf(!mounted)(
  "a full disk costs no client its file, and new ones are stored again when there is room",
  async () => {
    expect(await get("small.zip")).toBe("right");
    const filler = `${location}/filler`;
    try {
      for (let i = 0; ; i++) writeFileSync(filler, Buffer.alloc(256 * 1024), { flag: i === 0 ? "w" : "a" });
    } catch {
      // Full, as it was to be.
    }
    expect(await get("later.zip")).toBe("right");
    expect(await get("later.zip")).toBe("right");
    expect(await health()).toStartWith("degraded: ");
    expect(readdirSync(`${location}/partial`)).toEqual([]);
    expect(await get("small.zip")).toBe("right");
    rmSync(filler);
    expect(await get("later.zip")).toBe("right");
    expect(await health()).toBe("ok\n");
  },
);
