/**
 * Puts folders of the store on file systems of their own: files are stored wherever they lie, what cannot be stored is never called
 * so, and inodes are made room of like bytes. Mounts small tmpfs and bind mounts; skipped where that is not allowed.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { type Content, readContent } from "../src/testing/content.ts";
import { runExecutable, type Server, startExecutable } from "../src/testing/executable.ts";
import { type FakeUpstream, startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { distfilePath, untilHealthy, untilStored } from "../src/testing/stored.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const SNAPSHOT = "/snapshots/gentoo-20260821.tar.xz";
const dist: Record<string, Content> = {
  "small.zip": { size: 300_000, seed: 1 },
  "large.zip": { size: 9 * MIB, seed: 2 },
  "later.zip": { size: 6 * MIB, seed: 3 },
};
const CRATES = 200;
const crates: Record<string, Content> = {};
for (let i = 0; i < CRATES; i++) crates[`crate-${i}.crate`] = { size: 1000 + i, seed: 100 + i };
const everything: Record<string, Content> = { ...dist, ...crates, [SNAPSHOT]: { size: 2 * MIB, seed: 4 } };

const folder = createTempFolder("portcache-mounts-");
let mirror: FakeUpstream;
let server: Server | undefined;
let mounts: string[] = [];

function mount(...args: readonly string[]): boolean {
  const { exitCode } = Bun.spawnSync(["mount", ...args]);
  const target = args.at(-1) ?? "";
  if (exitCode === 0 && !mounts.includes(target)) mounts.push(target);
  return exitCode === 0;
}

const probe = folder.file("probe");
mkdirSync(probe);
const mountable = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", probe);
unmountAll();

function unmountAll(): void {
  for (const target of mounts.toReversed()) Bun.spawnSync(["umount", "--lazy", target]);
  mounts = [];
}

beforeAll(async () => {
  mirror = await startFakeUpstream({ files: new Map(Object.entries(everything)) });
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/files", { dist });
  repository.put("app-misc/crates", { dist: crates });
});
afterEach(async () => {
  await server?.stop("SIGKILL");
  server = undefined;
  unmountAll();
});
afterAll(async () => {
  await mirror.close();
  folder.remove();
});

const settingsOf = (location: string) => ({
  repo: { repos: [folder.file("repository")] },
  fetcher: { mirrors: [mirror.url] },
  storage: { location, min_free: 0 },
});

async function start(location: string): Promise<Server> {
  server = await startExecutable({ location, settings: settingsOf(location) });
  return server;
}

interface Reply {
  readonly cache: string | null;
  readonly right: boolean;
}

async function get(path: string): Promise<Reply> {
  const response = await fetch(`${server?.url}${path.startsWith("/") ? path : `/distfiles/${path}`}`);
  const content = everything[path];
  const right = content !== undefined && Buffer.compare(await response.bytes(), readContent(content)) === 0;
  return { cache: response.headers.get("cache-status"), right };
}

const STORED = { cache: "portcache; fwd=uri-miss; stored", right: true };
const HIT = { cache: "portcache; hit", right: true };
const health = async () => await (await fetch(`${server?.url}/healthz`)).text();

async function check(location: string) {
  const { mirrors } = settingsOf(location).fetcher;
  const args = [
    "check",
    "--json",
    "--location",
    location,
    "--repo",
    folder.file("repository"),
    "--mirror",
    mirrors[0] ?? "",
  ];
  const { exit, stdout } = await runExecutable([...args, "--set", "storage.min_free=0"]);
  return { exit, report: JSON.parse(stdout) as { problems: string[]; notes: string[]; obstacle: string | null } };
}

/** Returns the files in folders of files coming in. */
function parts(location: string): readonly string[] {
  const folders = [
    "partial",
    ...["distfiles", dirname(distfilePath("small.zip")), "snapshots"].map((below) => `${below}/.partial`),
  ].map((below) => `${location}/${below}`);
  return folders.flatMap((path) => (existsSync(path) ? readdirSync(path) : []));
}

interface Layout {
  readonly label: string;
  /** Folders of the store on a tmpfs each, or bound to a folder of the same file system. */
  readonly tmpfs?: readonly string[];
  readonly bound?: readonly string[];
}

const layouts: readonly Layout[] = [
  { label: "distfiles/ on a disk of its own", tmpfs: ["distfiles"] },
  { label: "partial/ on a disk of its own", tmpfs: ["partial"] },
  { label: "snapshots/ on a disk of its own", tmpfs: ["snapshots"] },
  { label: "each folder on a disk of its own", tmpfs: ["distfiles", "partial", "snapshots"] },
  { label: "a folder of distfiles/ on a disk of its own", tmpfs: [dirname(distfilePath("small.zip"))] },
  { label: "a folder of distfiles/ as a bind mount", bound: [dirname(distfilePath("large.zip"))] },
  { label: "distfiles/ as a bind mount of the same disk", bound: ["distfiles"] },
  { label: "partial/ as a bind mount of the same disk", bound: ["partial"] },
];

for (const [i, { label, tmpfs = [], bound = [] }] of layouts.entries()) {
  test.skipIf(!mountable)(
    `${label}: files are stored, imported and found again`,
    async () => {
      const location = folder.file(`store-${i}`);
      for (const below of [...tmpfs, ...bound]) mkdirSync(`${location}/${below}`, { recursive: true });
      for (const below of tmpfs)
        expect(mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", `${location}/${below}`)).toBe(true);
      for (const below of bound) {
        mkdirSync(folder.file(`bound-${i}/${below}`), { recursive: true });
        expect(mount("--bind", folder.file(`bound-${i}/${below}`), `${location}/${below}`)).toBe(true);
      }
      const before = await check(location);
      expect([before.exit, before.report.problems]).toEqual([0, []]);
      await start(location);
      for (const name of ["small.zip", "large.zip", SNAPSHOT]) {
        expect([name, await get(name)]).toEqual([name, STORED]);
        await untilStored(`${server?.url}${name === SNAPSHOT ? name : `/distfiles/${name}`}`);
        expect([name, await get(name)]).toEqual([name, HIT]);
      }
      for (const name of ["small.zip", "large.zip"]) expect(existsSync(`${location}/${distfilePath(name)}`)).toBe(true);
      const distdir = folder.file(`distdir-${i}`);
      mkdirSync(distdir);
      writeFileSync(`${distdir}/later.zip`, readContent(dist["later.zip"]!));
      const imported = await runExecutable(["import", distdir, "--location", location, "--json"]);
      expect([imported.exit, JSON.parse(imported.stdout)]).toMatchObject([0, { adopted: 1 }]);
      expect(await get("later.zip")).toEqual(HIT);
      expect([await health(), parts(location)]).toEqual(["ok\n", []]);
      await server?.stop();
      await start(location);
      for (const name of ["small.zip", "large.zip", "later.zip"]) expect(await get(name)).toEqual(HIT);
      expect(server?.log()).not.toMatch(/cross-device|left alone/);
    },
    60_000,
  );
}

test.skipIf(!mountable)(
  "where the disk of the index is full, files are stored on the other one, and health and check say what is amiss",
  async () => {
    const location = folder.file("store-index-full");
    mkdirSync(location);
    mount("-t", "tmpfs", "-o", "size=6m", "tmpfs", location);
    mkdirSync(`${location}/distfiles`);
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", `${location}/distfiles`);
    await start(location);
    expect(await get("small.zip")).toEqual(STORED);
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${location}/others`, "bs=4k"], { stderr: "ignore" });
    expect(await get("small.zip")).toEqual(HIT);
    for (let i = 0; i < 100 && (await health()) === "ok\n"; i++) await Bun.sleep(100);
    expect(await health()).toBe("degraded: the index takes no notes: no space left on device\n");
    expect((await check(location)).report.notes.join("\n")).toContain("which has the index, has 0KiB free");
    // What is on the disk is served after a start without notes as well.
    await server?.stop("SIGKILL");
    await start(location);
    expect(await get("small.zip")).toEqual(HIT);
    rmSync(`${location}/others`);
    await untilHealthy(server?.url ?? "");
  },
  60_000,
);

test.skipIf(!mountable)(
  "distfiles as a link to nowhere is a problem for check, and the server says why it does not start",
  async () => {
    const location = folder.file("store-dangling");
    mkdirSync(location);
    symlinkSync(folder.file("not-there/distfiles"), `${location}/distfiles`);
    const { exit, report } = await check(location);
    expect([exit, report.problems.join("\n")]).toEqual([1, expect.stringContaining("which is not there")]);
    expect(await start(location).catch(String)).toContain(`${location}/distfiles is a link to`);
  },
);

test.skipIf(!mountable)("a disk that is mounted over distfiles/ while the server runs gets the next file", async () => {
  const location = folder.file("store-late");
  await start(location);
  expect(await get("small.zip")).toEqual(STORED);
  expect(mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", `${location}/distfiles`)).toBe(true);
  for (const name of ["large.zip", "later.zip"]) {
    expect(await get(name)).toEqual(STORED);
    await untilStored(`${server?.url}/distfiles/${name}`);
    expect(await get(name)).toEqual(HIT);
  }
  expect([await health(), parts(location)]).toEqual(["ok\n", []]);
});

for (const below of ["distfiles", dirname(distfilePath("small.zip")).slice(1)]) {
  test.skipIf(!mountable)(
    `${below}/ on a read-only disk is a problem for check, and the server says why it does not start`,
    async () => {
      const location = folder.file(`store-read-only-${below.length}`);
      mkdirSync(`${location}/${below}`, { recursive: true });
      mount("-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", `${location}/${below}`);
      const { exit, report } = await check(location);
      const why = `${location}/${below}: read-only file system`;
      expect([exit, report.problems.join("\n")]).toEqual([1, expect.stringContaining(why)]);
      expect(report.obstacle).toContain(why);
      expect(await start(location).catch(String)).toContain(`Cannot write the store ${location}: ${why}`);
    },
  );
}

test.skipIf(!mountable)(
  "a disk that becomes read-only gets no file, and none is called stored from then on",
  async () => {
    const location = folder.file("store-turned");
    mkdirSync(`${location}/distfiles`, { recursive: true });
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", `${location}/distfiles`);
    await start(location);
    expect(await get("small.zip")).toEqual(STORED);
    // Not while the file is still open for writing.
    for (let i = 0; i < 100 && !mount("-o", "remount,ro", `${location}/distfiles`); i++) await Bun.sleep(50);
    const passed = { cache: "portcache; fwd=uri-miss", right: true };
    expect(await get("crate-0.crate")).toEqual(passed);
    expect(await get("large.zip")).toEqual(passed);
    expect(await health()).toBe("degraded: the store takes no files: read-only file system\n");
    mount("-o", "remount,rw", `${location}/distfiles`);
    await untilHealthy(server?.url ?? "");
    expect(await get("large.zip")).toEqual(STORED);
  },
  30_000,
);

test.skipIf(!mountable)(
  "on a disk with few inodes the newest files stay, and its users hear when others take them all",
  async () => {
    const location = folder.file("store-inodes");
    mkdirSync(location);
    mount("-t", "tmpfs", "-o", "size=500m,nr_inodes=150", "tmpfs", location);
    await start(location);
    const stored = () => Object.keys(crates).filter((name) => existsSync(`${location}/${distfilePath(name)}`));
    for (const name of Object.keys(crates)) expect([name, (await get(name)).right]).toEqual([name, true]);
    for (let i = 0; i < 3; i++) {
      for (const name of Object.keys(crates).slice(-10)) expect([name, (await get(name)).right]).toEqual([name, true]);
    }
    expect(stored().length).toBeGreaterThan(20);
    expect(await get(`crate-${CRATES - 1}.crate`)).toEqual(HIT);
    await untilHealthy(server?.url ?? "");
    expect(statfsSync(location).ffree).toBeGreaterThan(10);
    // Somebody else takes all inodes that there are, and more than clean-up can make.
    await server?.stop();
    const others: string[] = [];
    try {
      for (let i = 0; ; i++) {
        mkdirSync(`${location}/other-${i}`);
        others.push(`${location}/other-${i}`);
      }
    } catch {
      // There are no inodes left, as intended.
    }
    const note = (await check(location)).report.notes.join("\n");
    expect(note).toContain(`The disk of ${location}/distfiles has 0 inodes free, but 32 are kept free`);
    await start(location);
    expect((await get("large.zip")).right).toBe(true);
    const status = await runExecutable(["status", "--location", location]);
    const answer = await health();
    if (answer !== "ok\n")
      expect(answer).toMatch(/^degraded: (the store takes no files: .*inodes|the index takes no notes)/);
    expect(status.stdout).toMatch(/\d+ inodes? free/);
    for (const path of others) rmSync(path, { recursive: true });
    // An index that could not be opened takes notes again after the next start only.
    for (let i = 0; i < 150 && (await health()).includes("the store takes no files"); i++) await Bun.sleep(100);
    expect(await health()).not.toContain("the store takes no files");
    expect((await get("later.zip")).right).toBe(true);
    await untilStored(`${server?.url}/distfiles/later.zip`);
    expect(server?.log()).not.toMatch(/TypeError|ReferenceError/);
  },
  60_000,
);

test.skipIf(!mountable)(
  "where others took all inodes and nothing can be removed, health names the inodes",
  async () => {
    const location = folder.file("store-starved");
    mkdirSync(location);
    mount("-t", "tmpfs", "-o", "size=500m,nr_inodes=150", "tmpfs", location);
    await start(location);
    for (let i = 0; ; i++) {
      try {
        writeFileSync(`${location}/other-${i}`, "");
      } catch {
        break;
      }
    }
    const { cache, right } = await get("large.zip");
    expect([cache?.includes("stored"), right]).toEqual([false, true]);
    expect(await health()).toMatch(/^degraded: the store takes no files: .*inodes/);
    expect(readFileSync(`${location}/distfiles/layout.conf`, "utf8")).toContain("filename-hash");
  },
  30_000,
);

/** A quota on the folder, as btrfs has them: it shows room that was made only after a while. */
function mountWithQuota(folderName: string, mib: number): string | undefined {
  const [image, target] = [folder.file(`${folderName}.img`), folder.file(folderName)];
  mkdirSync(target);
  const run = (...command: string[]) => Bun.which(command[0]!) !== null && Bun.spawnSync(command).exitCode === 0;
  if (!run("truncate", "-s", "200M", image) || !run("mkfs.btrfs", "-q", image)) return undefined;
  if (!mount("-o", "loop", image, target) || !run("btrfs", "quota", "enable", target)) return undefined;
  const made = run("btrfs", "subvolume", "create", `${target}/store`);
  return made && run("btrfs", "qgroup", "limit", `${mib}M`, `${target}/store`) ? `${target}/store` : undefined;
}

test.skipIf(!mountable)(
  "under a quota on distfiles/ new files displace old ones",
  async () => {
    const limited = mountWithQuota("quota", 12);
    if (limited === undefined) return console.log("Skipped: btrfs, or its quotas, can't be had here");
    const location = folder.file("store-quota");
    mkdirSync(`${location}/distfiles`, { recursive: true });
    mount("--bind", limited, `${location}/distfiles`);
    await start(location);
    expect(await get("large.zip")).toEqual(STORED);
    await untilStored(`${server?.url}/distfiles/large.zip`);
    // What was just used stays for a second.
    await Bun.sleep(1200);
    expect((await get("later.zip")).right).toBe(true);
    await untilStored(`${server?.url}/distfiles/later.zip`);
    const counts = { unstored: 0, refused: 0 };
    for (const name of ["small.zip", ...Object.keys(crates)]) {
      const { cache, right } = await get(name);
      expect([name, right]).toEqual([name, true]);
      if (cache === "portcache; fwd=uri-miss") counts.unstored++;
      // The one at which the quota ends is answered before the disk refuses it.
      else if ((await get(name)).cache !== HIT.cache) counts.refused++;
    }
    const { unstored, refused } = counts;
    expect([unstored < 20, refused < 10]).toEqual([true, true]);
    await untilHealthy(server?.url ?? "");
    expect(server?.log()).toContain("The store takes no files: disk quota exceeded");
    expect(server?.log()).not.toMatch(/TypeError|ReferenceError/);
  },
  60_000,
);

test.skipIf(!mountable)(
  "an import onto a disk with few inodes takes what fits, and says that the disk is full",
  async () => {
    const location = folder.file("store-import");
    mkdirSync(location);
    mount("-t", "tmpfs", "-o", "size=500m,nr_inodes=150", "tmpfs", location);
    await start(location);
    const distdir = folder.file("distdir-crates");
    mkdirSync(distdir);
    for (const [name, content] of Object.entries(crates)) writeFileSync(`${distdir}/${name}`, readContent(content));
    const { exit, stdout, stderr } = await runExecutable(["import", distdir, "--location", location, "--json"]);
    const { adopted, skipped } = JSON.parse(stdout) as {
      adopted: number;
      skipped: { reason: string; files: number }[];
    };
    expect(adopted).toBeGreaterThan(20);
    expect([exit <= 1, skipped.map(({ reason }) => reason), stderr]).toEqual([true, ["full"], ""]);
    expect(adopted + (skipped[0]?.files ?? 0)).toBe(CRATES);
  },
  30_000,
);
