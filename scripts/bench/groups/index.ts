/**
 * Measures a repository of ::gentoo's size: scanning all of its Manifests into an empty index, beside `grep -rh ^DIST`; scanning
 * it again; how soon a server with that index answers; and what hits notice of scans.
 */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { startExecutable } from "../../../src/testing/executable.ts";
import { writeRepository } from "../../../src/testing/repository.ts";
import { type Bench, type Group, inTurn } from "../lib/group.ts";
import { measureHitsBesideScans } from "../lib/hits-beside-scans.ts";
import { memoryOf } from "../lib/procfs.ts";
import type { Measurement } from "../lib/result.ts";

const MIB = 1024 * 1024;
/** Numbers like ::gentoo's: categories, packages, and about five distfiles for each. */
const CATEGORIES = 170;
const PACKAGES = 19_000;

function distLines(name: string, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++) {
    const digest = createHash("sha512").update(`${name}/${i}`).digest("hex");
    text += `DIST ${name}-1.${i}.tar.xz ${100_000 + i} BLAKE2B ${digest} SHA512 ${digest}\n`;
  }
  return text;
}

function writeLikeGentoo(location: string): string {
  writeRepository(location);
  for (let i = 0; i < PACKAGES; i++) {
    const name = `package-${i}`;
    const folder = `${location}/category-${i % CATEGORIES}/${name}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/Manifest`, distLines(name, 1 + (i % 9)));
  }
  return location;
}

async function grep(location: string): Promise<number> {
  const startedAt = performance.now();
  const child = Bun.spawn(["sh", "-c", 'grep -rh ^DIST "$1" | wc -l', "grep", location], { stdout: "pipe" });
  const lines = Number(await child.stdout.text());
  if (lines < PACKAGES) throw new Error(`grep found ${lines} lines in ${location}`);
  return performance.now() - startedAt;
}

interface Rescan {
  readonly repositories: readonly { readonly duration_ms: number | null; readonly packages: number }[];
}

async function rescan(location: string, full: boolean): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch("http://localhost/api/v1/rescan", {
    method: "POST",
    unix: `${location}/portcache.sock`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ full }),
  });
  const { repositories } = (await response.json()) as Rescan;
  if (!repositories.some(({ packages }) => packages === PACKAGES))
    throw new Error(`it scanned ${JSON.stringify(repositories)}`);
  return performance.now() - startedAt;
}

/** Returns the milliseconds from the start of the process to its first answer. */
async function start(repository: string, location: string): Promise<{ readonly ms: number; stop(): Promise<void> }> {
  const startedAt = performance.now();
  const server = await startExecutable({ location, settings: { repo: { repos: [repository] } } });
  const answer = await fetch(`${server.url}/healthz`);
  if (!answer.ok) throw new Error(`healthz answers ${answer.status}`);
  const ms = performance.now() - startedAt;
  return {
    ms,
    async stop() {
      await server.stop();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const repository = writeLikeGentoo(bench.file("repository"));
  bench.say(`${PACKAGES} packages written`);
  await grep(repository);
  const location = bench.file("store");
  const rescans: number[] = [];
  const memory: number[] = [];
  const first = await inTurn(
    bench.rounds,
    async () => {
      rmSync(location, { recursive: true, force: true });
      await using server = await startExecutable({ location, settings: { repo: { repos: [repository] } } });
      const startedAt = performance.now();
      while (!server.log().includes(`${PACKAGES} packages`)) {
        await Bun.sleep(10);
        if (performance.now() - startedAt > 120_000) throw new Error(`no end of the scan:\n${server.log()}`);
      }
      const ms = performance.now() - startedAt;
      for (let i = 0; i < 3; i++) rescans.push(await rescan(location, false));
      memory.push(memoryOf([server.pid]) / MIB);
      await server.stop();
      return ms;
    },
    () => grep(repository),
  );
  const starts: number[] = [];
  for (let i = 0; i < bench.rounds; i++) {
    const server = await start(repository, location);
    starts.push(server.ms);
    await server.stop();
  }
  const hits = await measureHitsBesideScans(bench, repository, PACKAGES, rescan);
  const alone = { theirs: [], peer: "" };
  return [
    {
      what: `${PACKAGES} Manifests into an empty index`,
      unit: "ms",
      ...first,
      peer: "grep -rh ^DIST",
      goal: { kind: "at most", value: 3 },
    },
    { what: "rescan without changes", unit: "ms", ours: rescans, ...alone, goal: { kind: "at most", value: 200 } },
    { what: "memory afterwards", unit: "MiB", ours: memory, ...alone, goal: { kind: "at most", value: 200 } },
    {
      what: "process start to first answer, with that index",
      unit: "ms",
      ours: starts,
      ...alone,
      goal: { kind: "at most", value: 250 },
    },
    ...hits,
  ];
}

export const group: Group = {
  name: "index",
  about: "a repository of ::gentoo's size: scans beside grep, and a start with its index",
  run,
};
