/**
 * Measures many downloads at once: what hits take beside fast ones and what memory these cost, and how exactly `max_rate` limits
 * them, with a small file beside.
 */
import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Server, startExecutable } from "../../../src/testing/executable.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { writeFiles } from "../lib/files.ts";
import type { Bench, Group } from "../lib/group.ts";
import { type Mirror, startMirrorOf, writeLargeRepository } from "../lib/line.ts";
import { memoryOf } from "../lib/procfs.ts";
import type { Measurement } from "../lib/result.ts";

const MIB = 1024 * 1024;
const HIT = "downloads-hit.tar.xz";
const SMALL = { size: 4096, seed: 1 };
const HIT_EVERY_MS = 5;
const PERCENTILE = 0.99;

interface Downloads {
  readonly count: number;
  readonly mib: number;
}

interface Report {
  readonly seconds: number;
  /** Of all hits meanwhile. */
  readonly hitMs: readonly number[];
  readonly peakMib: number;
}

const nameOf = (mib: number, i: number) => `downloads-${mib}-${i}.tar.xz`;

function namesOf({ count, mib }: Downloads): readonly string[] {
  return Array.from({ length: count }, (_, i) => nameOf(mib, i));
}

/** Fetches all of them by one curl, and the hit meanwhile. */
async function fetchAll(server: Server, downloads: Downloads): Promise<Report> {
  const names = namesOf(downloads);
  const urls = names.flatMap((name) => ["-o", "/dev/null", server.url + distfilePath(name)]);
  const parallel = ["--parallel", "--parallel-immediate", "--parallel-max", "300"];
  const written = ["-w", "%{http_code} %{size_download}\n"];
  const startedAt = performance.now();
  const client = Bun.spawn(["curl", "-sS", ...parallel, ...written, ...urls], { stdout: "pipe", stderr: "ignore" });
  let ended = false;
  const end = client.exited.then(() => {
    ended = true;
    return (performance.now() - startedAt) / 1000;
  });
  const hitMs: number[] = [];
  let peakBytes = 0;
  while (!ended) {
    const askedAt = performance.now();
    await (await fetch(server.url + distfilePath(HIT))).bytes();
    hitMs.push(performance.now() - askedAt);
    peakBytes = Math.max(peakBytes, memoryOf([server.pid]));
    await Bun.sleep(HIT_EVERY_MS);
  }
  const seconds = await end;
  const right = (await new Response(client.stdout).text()).split("\n").filter((line) => {
    return line === `200 ${downloads.mib * MIB}`;
  });
  if (right.length !== names.length) throw new Error(`${right.length} of ${names.length} downloads were right`);
  return { seconds, hitMs, peakMib: peakBytes / MIB };
}

function percentile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(PERCENTILE * sorted.length)] ?? Number.NaN;
}

const FAST: readonly Downloads[] = [
  { count: 16, mib: 48 },
  { count: 64, mib: 12 },
  { count: 240, mib: 5 },
];
const LIMITED: Downloads = { count: 20, mib: 2 };
const LIMIT_MIB = 4;

/** Writes one file of each size, and links to it under the other names. */
function writeMirror(folder: string): string {
  const kinds = [...FAST, LIMITED];
  const files = Object.fromEntries(
    kinds.flatMap((kind) => namesOf(kind).map((name) => [name, { size: kind.mib * MIB, seed: kind.mib }])),
  );
  const firsts = Object.fromEntries(kinds.map(({ mib }) => [nameOf(mib, 0), { size: mib * MIB, seed: mib }]));
  writeFiles(`${folder}/files`, { ...firsts, [HIT]: SMALL });
  writeFileSync(`${folder}/files/distfiles/layout.conf`, "[structure]\n0=filename-hash BLAKE2B 8\n");
  for (const kind of kinds) {
    const [first = "", ...others] = namesOf(kind).map((name) => `${folder}/files${distfilePath(name)}`);
    for (const path of others) {
      mkdirSync(dirname(path), { recursive: true });
      linkSync(first, path);
    }
  }
  return writeLargeRepository(`${folder}/repository`, { ...files, [HIT]: SMALL });
}

async function measure(
  bench: Bench,
  mirror: Mirror,
  repository: string,
  downloads: Downloads,
  settings: Readonly<Record<string, string | number>>,
): Promise<readonly Report[]> {
  const reports: Report[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    const location = bench.file(`store-${downloads.mib}-${round}`);
    const fetcher = { mirrors: [mirror.url], connections_per_file: 1, read_ahead: 0, ...settings };
    const server = await startExecutable({ settings: { fetcher, repo: { repos: [repository] } }, location });
    await (await fetch(server.url + distfilePath(HIT))).bytes();
    reports.push(await fetchAll(server, downloads));
    await server[Symbol.asyncDispose]();
    rmSync(location, { recursive: true });
  }
  return reports;
}

const NO_PEER = { theirs: [], peer: "" };

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const folder = bench.file("mirror");
  const repository = writeMirror(folder);
  await using mirror = await startMirrorOf(folder, undefined);
  const measurements: Measurement[] = [];
  for (const downloads of FAST) {
    const reports = await measure(bench, mirror, repository, downloads, { max_downloads: 256 });
    bench.say(`${downloads.count} fast downloads`);
    measurements.push(
      {
        what: `hits beside ${downloads.count} fast downloads, 99th percentile`,
        unit: "ms",
        ours: reports.map(({ hitMs }) => percentile(hitMs)),
        ...NO_PEER,
        ...(downloads.count <= 64 ? { goal: { kind: "at most", value: 20 } } : {}),
      },
      {
        what: `memory of the server with ${downloads.count} fast downloads`,
        unit: "MiB",
        ours: reports.map(({ peakMib }) => peakMib),
        ...NO_PEER,
        goal: { kind: "at most", value: 400 },
      },
    );
  }
  const limited = await measure(bench, mirror, repository, LIMITED, { max_rate: `${LIMIT_MIB}MiB`, max_downloads: 20 });
  measurements.push({
    what: `${LIMITED.count} downloads under max_rate = ${LIMIT_MIB} MiB/s`,
    unit: "MiB/s",
    ours: limited.map(({ seconds }) => (LIMITED.count * LIMITED.mib) / seconds),
    theirs: limited.map(() => LIMIT_MIB),
    peer: "the limit",
    goal: { kind: "at most", value: 1.05 },
  });
  return measurements;
}

export const group: Group = {
  name: "downloads",
  about: "many downloads at once: hits beside them, their memory, and the limit on all together",
  run,
};
