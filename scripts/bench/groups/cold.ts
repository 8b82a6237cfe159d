/**
 * Measures small and middling cold files, each of a package of its own, beside the mirror itself: as usual, with a repository without
 * markers, with ebuilds that bash has to source, and on a disk whose fsync takes 30 ms.
 */
import type { GeneratedContent } from "../../../src/testing/content.ts";
import { startExecutable } from "../../../src/testing/executable.ts";
import { writeRepository } from "../../../src/testing/repository.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { runCurl } from "../lib/clients.ts";
import type { Files } from "../lib/files.ts";
import type { Bench, Group } from "../lib/group.ts";
import { startMirror } from "../lib/line.ts";
import type { Measurement } from "../lib/result.ts";

const KIB = 1024;
const COUNT = 20;
const WARM_UP = "warm-up-1.tar.gz";

/** A size, and how much later than at the mirror its first byte may come. */
const SIZES = [
  { label: "100 KiB", bytes: 100 * KIB, goalMs: 3 },
  { label: "1 MiB", bytes: 1024 * KIB, goalMs: 5 },
  { label: "3 MiB", bytes: 3 * 1024 * KIB, goalMs: 9 },
] as const;

/** A disk whose fsync takes 30 ms, by a library that is preloaded. */
const SLOW_DISK = `
extern void *dlsym(void *, const char *);
struct span { long seconds, nanoseconds; };
extern int nanosleep(const struct span *, struct span *);
#define LATE(name) int name(int fd) { struct span s = {0, 30000000}; int (*next)(int) = dlsym((void *)-1L, #name); \\
  nanosleep(&s, 0); return next(fd); }
LATE(fsync)
LATE(fdatasync)
`;

interface Variant {
  readonly what: string;
  readonly marker: boolean;
  readonly bash: boolean;
  readonly slowDisk: boolean;
}

const USUAL: Variant = { what: "", marker: true, bash: false, slowDisk: false };
const VARIANTS: readonly Variant[] = [
  USUAL,
  { ...USUAL, what: ", repository without a marker", marker: false },
  { ...USUAL, what: ", ebuild without metadata", bash: true },
  { ...USUAL, what: ", fsync of 30 ms", slowDisk: true },
];

const nameOf = (bytes: number, i: number) => `file${bytes}x${i}-1.tar.gz`;

function contents(): Files {
  const files: Record<string, GeneratedContent> = { [WARM_UP]: { size: 1024, seed: 1 } };
  for (const { bytes } of SIZES) for (let i = 0; i < COUNT; i++) files[nameOf(bytes, i)] = { size: bytes, seed: 2 + i };
  return files;
}

async function buildSlowDisk(folder: string): Promise<string> {
  const library = `${folder}/slow-disk.so`;
  const gcc = Bun.spawn(["gcc", "-shared", "-fPIC", "-xc", "-", "-o", library], { stdin: Buffer.from(SLOW_DISK) });
  if ((await gcc.exited) !== 0) throw new Error("gcc cannot build the slow disk");
  return library;
}

/** @returns the first bytes' times in milliseconds at each URL, asked in turn */
async function firstBytes(urls: readonly string[], bytes: number): Promise<readonly (readonly number[])[]> {
  const times: number[][] = urls.map(() => []);
  for (let i = 0; i < COUNT; i++) {
    for (const [side, url] of urls.entries()) {
      const { firstByteMs } = await runCurl(url + distfilePath(nameOf(bytes, i)));
      times[side]?.push(firstByteMs);
    }
  }
  return times;
}

async function measure(bench: Bench, variant: Variant, mirror: string, at: number): Promise<readonly Measurement[]> {
  const repository = writeRepository(bench.file(`repository-${at}`));
  for (const [name, content] of Object.entries(contents())) {
    const ebuild = { version: "1", srcUri: `https://example.org/${name}`, cached: !variant.bash };
    repository.put(`app-misc/${name.slice(0, -"-1.tar.gz".length)}`, { dist: { [name]: content }, ebuilds: [ebuild] });
  }
  if (variant.marker) repository.markSynced();
  const fetcher = { mirrors: [mirror], read_ahead: 0 };
  await using server = await startExecutable({
    settings: { fetcher, repo: { repos: [repository.location] } },
    location: bench.file(`store-${at}`),
    env: variant.slowDisk ? { LD_PRELOAD: await buildSlowDisk(bench.file("")) } : {},
  });
  for (const url of [mirror, server.url]) await runCurl(url + distfilePath(WARM_UP));
  const measurements: Measurement[] = [];
  for (const { label, bytes, goalMs } of SIZES) {
    const [direct = [], ours = []] = await firstBytes([mirror, server.url], bytes);
    measurements.push({
      what: `first byte of ${label}, delay against the mirror itself${variant.what}`,
      unit: "ms",
      ours: ours.map((ms, i) => ms - (direct[i] ?? Number.NaN)),
      theirs: [],
      peer: "",
      goal: { kind: "at most", value: goalMs },
    });
  }
  bench.say(`variant ${at + 1} of ${VARIANTS.length}`);
  return measurements;
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  await using mirror = await startMirror({ folder: bench.file("mirror"), files: contents() });
  const measurements: Measurement[] = [];
  for (const [at, variant] of VARIANTS.entries()) measurements.push(...(await measure(bench, variant, mirror.url, at)));
  return measurements;
}

export const group: Group = {
  name: "cold",
  about: "small and middling cold files, one client, curl: the time to the first byte beside the mirror itself",
  run,
};
