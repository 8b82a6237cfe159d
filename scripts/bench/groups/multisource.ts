/**
 * Measures one cold large file from several mirrors at once, beside curl from the best of them: equal mirrors, unequal ones, and
 * one that falls silent in mid-file.
 */
import type { GeneratedContent } from "../../../src/testing/content.ts";
import { type Server, startExecutable } from "../../../src/testing/executable.ts";
import type { Fault } from "../../../src/testing/faults.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { runCurl } from "../lib/clients.ts";
import { type Files, writeRepositoryOf } from "../lib/files.ts";
import { type Bench, type Group, inTurn } from "../lib/group.ts";
import type { Measurement } from "../lib/result.ts";
import { startUpstream, type Upstream } from "../lib/upstream.ts";

const MB = 1_000_000;
const SIZE = 200 * 1024 * 1024;
const FILE = "large-1.0.tar.xz";
/** The file with which a server gets to know the mirrors. */
const LEARNT = "learnt-1.0.tar.xz";
/** A round of one case takes half a minute, and the lines are even. */
const MAX_ROUNDS = 2;

function rate(megabytesPerSecond: number): Fault {
  return { kind: "rate", bytesPerSecond: megabytesPerSecond * MB };
}

interface Case {
  readonly what: string;
  readonly peer: string;
  readonly mirrors: readonly Fault[];
  /** Faults of some mirrors, by index, once the server knows them. */
  readonly later?: Readonly<Record<number, readonly Fault[]>>;
  /** Index of the mirror that curl fetches from. */
  readonly direct: number;
  /** The best possible throughput, as a multiple of that mirror's. */
  readonly possible: number;
  readonly goal: number;
  readonly note: string;
}

const CASES: readonly Case[] = [
  {
    what: "4 mirrors of 10 MB/s",
    peer: "curl from one of them",
    mirrors: [rate(10), rate(10), rate(10), rate(10)],
    direct: 0,
    possible: 1,
    goal: 3.2,
    note: "times the best single one",
  },
  {
    what: "mirrors of 2, 5 and 20 MB/s",
    peer: "curl from the fastest, times 27/20",
    mirrors: [rate(2), rate(5), rate(20)],
    direct: 2,
    possible: 27 / 20,
    goal: 0.9,
    note: "share of their sum",
  },
  {
    what: "4 mirrors of 10 MB/s, one of which stalls in mid-file",
    peer: "curl from one of the others, times 3",
    mirrors: [rate(10), rate(10), rate(10), rate(10)],
    later: { 0: [rate(10), { kind: "stall", after: 6 * MB }] },
    direct: 1,
    possible: 3,
    goal: 0.8,
    note: "share of what the others can",
  },
];

/** Starts a server that knows the mirrors at their best; only the file is cold. */
async function startLearnt(id: string, files: Files, upstreams: readonly Upstream[], bench: Bench): Promise<Server> {
  const repository = writeRepositoryOf(bench.file(`repository-${id}`), files);
  const settings = {
    fetcher: { mirrors: upstreams.map(({ url }) => url), read_ahead: 0 },
    repo: { repos: [repository.location] },
  };
  const server = await startExecutable({ settings, location: bench.file(`store-${id}`) });
  await speed(server.url, LEARNT);
  return server;
}

/** Returns MB/s. */
async function speed(base: string, name: string): Promise<number> {
  const { bytes, totalMs } = await runCurl(base + distfilePath(name));
  if (name !== LEARNT && bytes !== SIZE) throw new Error(`${base} sent ${bytes} bytes of ${name}`);
  return bytes / totalMs / 1000;
}

async function measureCase(index: number, files: Files, bench: Bench): Promise<Measurement> {
  const { what, peer, mirrors, direct, possible, goal, note, later } = CASES[index] as Case;
  const upstreams = await Promise.all(mirrors.map((fault) => startUpstream(files, fault)));
  const rounds = Math.min(bench.rounds, MAX_ROUNDS);
  const peerUrl = upstreams[direct]?.url ?? "";
  const { ours, theirs } = await inTurn(
    rounds,
    async (round) => {
      for (const [i, fault] of mirrors.entries()) await upstreams[i]?.setFaults(fault);
      const server = await startLearnt(`${index}-${round}`, files, upstreams, bench);
      for (const [i, faults] of Object.entries(later ?? {})) await upstreams[Number(i)]?.setFaults(...faults);
      const measured = await speed(server.url, FILE);
      await server[Symbol.asyncDispose]();
      return measured;
    },
    async () => possible * (await speed(peerUrl, FILE)),
  );
  const counts = await Promise.all(upstreams.map((upstream) => upstream.count()));
  bench.say(`${what}: MB by mirror ${counts.map(({ bytes }) => Math.round(bytes / MB)).join(", ")}`);
  for (const upstream of upstreams) await upstream.stop();
  return { what, unit: "MB/s", ours, theirs, peer, goal: { kind: "at least", value: goal }, note };
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const files: Record<string, GeneratedContent> = {
    [FILE]: { size: SIZE, seed: 1 },
    [LEARNT]: { size: 12 * 1024 * 1024, seed: 2 },
  };
  const measurements: Measurement[] = [];
  for (const index of CASES.keys()) measurements.push(await measureCase(index, files, bench));
  return measurements;
}

export const group: Group = {
  name: "multisource",
  about: "one cold file of 200 MiB from several mirrors, against curl from the best of them",
  run,
};
