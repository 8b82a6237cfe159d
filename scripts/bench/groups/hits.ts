/**
 * Measures warm files of every size, beside one nginx worker that serves the same files with sendfile.
 */
import type { GeneratedContent } from "../../../src/testing/content.ts";
import { type Server, startExecutable } from "../../../src/testing/executable.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { type Load, type LoadOptions, runWrk } from "../lib/clients.ts";
import { writeFiles, writeRepositoryOf } from "../lib/files.ts";
import { type Bench, type Group, inTurn } from "../lib/group.ts";
import { startNginx } from "../lib/nginx.ts";
import { cpuSecondsOf, memoryOf } from "../lib/procfs.ts";
import type { Measurement } from "../lib/result.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const PEER = "nginx, one worker";
const PUSHING = "nginx without tcp_nopush";

interface Size {
  readonly name: string;
  readonly bytes: number;
  /** Number of files of that size. */
  readonly files: number;
  readonly connections: number;
}

const SMALL: readonly Size[] = [
  { name: "4 KiB", bytes: 4 * KIB, files: 200, connections: 64 },
  { name: "64 KiB", bytes: 64 * KIB, files: 100, connections: 64 },
  { name: "100 KiB", bytes: 100 * KIB, files: 100, connections: 64 },
];
const MIDDLE: Size = { name: "10 MiB", bytes: 10 * MIB, files: 10, connections: 4 };
const LARGE: readonly Size[] = [
  { name: "1 MiB", bytes: MIB, files: 40, connections: 16 },
  MIDDLE,
  { name: "1 GiB", bytes: GIB, files: 1, connections: 4 },
];

function filesOf({ name, bytes, files }: Size): Readonly<Record<string, GeneratedContent>> {
  const prefix = name.replace(" ", "").toLowerCase();
  return Object.fromEntries(
    Array.from({ length: files }, (_, i) => [`bench-${prefix}-${i}.tar.xz`, { size: bytes, seed: (i % 8) + 1 }]),
  );
}

interface Measured extends Load {
  /** Processor time of the server alone. */
  readonly serverSeconds: number;
}

async function measure(options: LoadOptions, pids: () => readonly number[]): Promise<Measured> {
  const before = cpuSecondsOf(pids());
  const load = await runWrk(options);
  return { ...load, serverSeconds: cpuSecondsOf(pids()) - before };
}

type Figure = (measured: Measured) => number;

const cpuPerRequest: Figure = ({ serverSeconds, requests }) => (serverSeconds * 1e6) / requests;
const cpuPerGib: Figure = ({ serverSeconds, cpuSeconds, bytes }) => (serverSeconds + cpuSeconds) / (bytes / GIB);

/** Asks for every file once, so that both sides are warm. */
async function warm(url: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const response = await fetch(url + path);
    if (!response.ok) throw new Error(`${url}${path} answers ${response.status}`);
    for await (const _bytes of response.body ?? []);
  }
}

async function measureSize(size: Size, bench: Bench, server: Server, peer: Peer): Promise<readonly Measurement[]> {
  const paths = Object.keys(filesOf(size)).map(distfilePath);
  await warm(server.url, paths);
  await warm(peer.url, paths);
  const options = { paths, connections: size.connections, seconds: bench.seconds, folder: bench.file(".") };
  // Measures servers that have run for a while: the first second goes to the JIT.
  await runWrk({ ...options, url: server.url });
  await runWrk({ ...options, url: peer.url });
  const { ours, theirs } = await inTurn(
    bench.rounds,
    () => measure({ ...options, url: server.url }, () => [server.pid]),
    () => measure({ ...options, url: peer.url }, peer.pids),
  );
  bench.say(`${size.name}: ${ours.reduce((sum, { requests }) => sum + requests, 0)} requests`);
  const both = (figure: Figure) => ({ ours: ours.map(figure), theirs: theirs.map(figure), peer: PEER });
  const what = `${size.name}, ${size.connections} connections`;
  const small = size.bytes < MIB;
  const speed: Measurement = small
    ? { what, unit: "requests/s", ...both((one) => one.requestsPerSecond), goal: { kind: "at least", value: 1 } }
    : { what, unit: "GiB/s", ...both((one) => one.bytesPerSecond / GIB), goal: { kind: "at least", value: 1 } };
  const cost: Measurement = small
    ? { what, unit: "server CPU, µs/request", ...both(cpuPerRequest) }
    : { what, unit: "CPU s/GiB, client included", ...both(cpuPerGib), goal: { kind: "at most", value: 1 } };
  return [speed, cost];
}

/** Shows why files of a few MiB are slower: Bun sends headers in a packet of their own, as nginx does without tcp_nopush. */
async function measurePushing(bench: Bench, server: Server, peer: Peer): Promise<readonly Measurement[]> {
  const measurements = await measureSize(MIDDLE, bench, server, peer);
  return measurements.map(({ goal: _goal, ...figures }) => ({ ...figures, peer: PUSHING }));
}

interface Peer {
  readonly url: string;
  readonly pids: () => readonly number[];
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const sizes = [...SMALL, ...LARGE];
  const files = Object.assign({}, ...sizes.map(filesOf));
  const location = bench.file("store");
  writeFiles(location, files);
  const repository = writeRepositoryOf(bench.file("repository"), files);
  const settings = { fetcher: { mirrors: ["http://127.0.0.1:1"] }, repo: { repos: [repository.location] } };
  await using server = await startExecutable({ settings, location });
  await using peer = await startNginx({ folder: bench.file("nginx"), server: `root ${location};` });
  const measurements: Measurement[] = [];
  for (const size of sizes) measurements.push(...(await measureSize(size, bench, server, peer)));
  await using pushing = await startNginx({ folder: bench.file("pushing"), server: `root ${location};`, nopush: false });
  measurements.push(...(await measurePushing(bench, server, pushing)));
  const peak = memoryOf([server.pid], "VmHWM") / MIB;
  measurements.push({
    what: "memory afterwards",
    unit: "MiB",
    ours: [memoryOf([server.pid]) / MIB],
    theirs: [],
    peer: "",
    goal: { kind: "at most", value: 120 },
    note: `at most ${Math.round(peak)} MiB`,
  });
  return measurements;
}

export const group: Group = {
  name: "hits",
  about: "warm files, wrk, beside one nginx worker with sendfile and without an access log",
  run,
};
