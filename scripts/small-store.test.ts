/**
 * Requests more files than the store can hold, on its own tmpfs: 20 clients get the right bytes of 200 files, whether max_size,
 * min_free or the disk is the limit. Skipped where a tmpfs cannot be mounted.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, statfsSync, statSync } from "node:fs";
import { type Content, type GeneratedContent, readContent } from "../src/testing/content.ts";
import { startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const FILES = 200;
const CLIENTS = 20;
const LARGEST = 6 * MIB;

const folder = createTempFolder("portcache-small-");
const dist: Record<string, GeneratedContent> = {};
for (let i = 0; i < FILES; i++) {
  // From 20 KB to 6 MiB, most of them small, 300 MiB in all.
  dist[`f-${i}.zip`] = {
    size: Math.round(20_000 + ((LARGEST - 20_000) * ((i * 61) % FILES) ** 2) / FILES ** 2),
    seed: i + 1,
  };
}
let mirror: FakeUpstream;

const probe = folder.file("probe");
mkdirSync(probe);
const mountable = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", probe]).exitCode === 0;
if (mountable) Bun.spawnSync(["umount", probe]);

beforeAll(async () => {
  mirror = await startFakeUpstream({ files: new Map<string, Content>(Object.entries(dist)) });
  writeRepository(folder.file("repository")).put("app-misc/many", { dist });
});
afterAll(async () => {
  await mirror.close();
  folder.remove();
});

/** Returns the bytes that the store's files and parts take on disk. */
function usage(location: string): number {
  let bytes = 0;
  for (const sub of ["distfiles", "partial"]) {
    for (const entry of readdirSync(`${location}/${sub}`, { recursive: true, withFileTypes: true })) {
      const stats = statSync(`${entry.parentPath}/${entry.name}`, { throwIfNoEntry: false });
      if (stats?.isFile()) bytes += stats.blocks * 512;
    }
  }
  return bytes;
}

interface Limit {
  readonly label: string;
  readonly disk: string;
  readonly storage: Readonly<Record<string, string | number>>;
  /** Bytes in use at most, and free bytes at least. */
  readonly most: number;
  readonly least: number;
}

const limits: readonly Limit[] = [
  { label: "max_size", disk: "200m", storage: { max_size: "40MiB", min_free: 0 }, most: 40 * MIB, least: 0 },
  { label: "min_free", disk: "64m", storage: { max_size: 0, min_free: "16MiB" }, most: 64 * MIB, least: 16 * MIB },
  { label: "the disk alone", disk: "32m", storage: { max_size: "1GiB", min_free: 0 }, most: 32 * MIB, least: 0 },
];

for (const { label, disk, storage, most, least } of limits) {
  test.skipIf(!mountable)(
    `with ${label} as the limit, ${CLIENTS} clients get the right bytes of ${FILES} files`,
    async () => {
      const location = folder.file(`store-${disk}`);
      mkdirSync(location);
      Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${disk}`, "tmpfs", location]);
      const settings = {
        repo: { repos: [folder.file("repository")] },
        fetcher: { mirrors: [mirror.url], read_ahead: 0 },
        storage,
      };
      const server = await startExecutable({ location, settings });
      try {
        let [peak, floor, asking] = [0, Number.POSITIVE_INFINITY, true];
        const watching = (async () => {
          while (asking) {
            peak = Math.max(peak, usage(location));
            const { bavail, bsize } = statfsSync(location);
            floor = Math.min(floor, bavail * bsize);
            await Bun.sleep(5);
          }
        })();
        const names = Object.keys(dist);
        let next = 0;
        async function client(): Promise<void> {
          // Every second request repeats an earlier file, which may have been removed by then.
          for (let i = next++; i < 2 * FILES; i = next++) {
            const name = names[i % 2 === 0 ? i / 2 : Math.floor((i * 7919) % Math.max(1, i)) % FILES]!;
            const answer = await fetch(`${server.url}/distfiles/${name}`, { decompress: false });
            const right = Buffer.compare(await answer.bytes(), readContent(dist[name]!)) === 0;
            expect([name, answer.status, right]).toEqual([name, 200, true]);
          }
        }
        await Promise.all(Array.from({ length: CLIENTS }, client));
        asking = false;
        await watching;
        console.log(`${label}: most in use ${(peak / MIB).toFixed(1)} MiB, least free ${(floor / MIB).toFixed(1)} MiB`);
        expect(peak).toBeLessThanOrEqual(most + LARGEST);
        expect(floor).toBeGreaterThanOrEqual(least - LARGEST);
        // The store is used: not every file is just passed on.
        expect(peak).toBeGreaterThan(most / 4);
        expect(server.log()).not.toMatch(/TypeError|ReferenceError/);
        const { length } = server.log().match(/passed on/g) ?? [];
        console.log(`${label}: the log mentions ${length} files that were passed on`);
      } finally {
        await server[Symbol.asyncDispose]();
        Bun.spawnSync(["umount", "--lazy", location]);
      }
    },
    120_000,
  );
}
