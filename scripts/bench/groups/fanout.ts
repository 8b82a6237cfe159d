/**
 * Measures fifty clients at once on one cold file: how soon each has its first byte and how fast all are done, beside nginx
 * proxy_cache with its lock, which lets 49 of them wait until it has the whole file.
 */
import { rmSync } from "node:fs";
import { startExecutable } from "../../../src/testing/executable.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { runCurl, type Transfer } from "../lib/clients.ts";
import { type Bench, type Group, inTurn } from "../lib/group.ts";
import { type Mirror, startMirror, startNginxCache, writeLargeRepository } from "../lib/line.ts";
import { watchMemory } from "../lib/procfs.ts";
import type { Measurement } from "../lib/result.ts";

const MIB = 1024 * 1024;
const LINE_MIB = 125;
const CLIENTS = 50;
const FILE = "fanout-256m.tar.xz";
const WARM_UP = "fanout-warm-up.tar.xz";
const FILES = { [FILE]: { size: 256 * MIB, seed: 1 }, [WARM_UP]: { size: 1024, seed: 2 } };
const MAX_ROUNDS = 3;

interface Measured {
  /** First byte of the client that waited longest. */
  readonly lastFirstByteMs: number;
  readonly mibPerSecond: number;
  readonly requests: number;
  readonly grownMib: number;
}

async function fetchAtOnce(url: string, mirror: Mirror, pids: readonly number[]): Promise<Measured> {
  await runCurl(url + distfilePath(WARM_UP));
  const before = mirror.requests();
  const most = watchMemory(pids);
  const idle = most();
  const peak = watchMemory(pids);
  const startedAt = performance.now();
  const transfers: readonly Transfer[] = await Promise.all(
    Array.from({ length: CLIENTS }, () => runCurl(url + distfilePath(FILE))),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const wrong = transfers.filter(({ bytes }) => bytes !== FILES[FILE].size);
  if (wrong.length > 0) throw new Error(`${wrong.length} clients got another number of bytes from ${url}`);
  // nginx logs a request after its answer.
  await Bun.sleep(200);
  return {
    lastFirstByteMs: Math.max(...transfers.map(({ firstByteMs }) => firstByteMs)),
    mibPerSecond: (CLIENTS * FILES[FILE].size) / MIB / seconds,
    requests: mirror.requests() - before,
    grownMib: (peak() - idle) / MIB,
  };
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const repository = writeLargeRepository(bench.file("repository"), FILES);
  await using mirror = await startMirror({ folder: bench.file("mirror"), files: FILES, mibPerSecond: LINE_MIB });
  const { ours, theirs } = await inTurn(
    Math.min(bench.rounds, MAX_ROUNDS),
    async (round) => {
      const location = bench.file(`store-${round}`);
      const fetcher = { mirrors: [mirror.url], connections_per_file: 1 };
      const server = await startExecutable({ settings: { fetcher, repo: { repos: [repository] } }, location });
      const measured = await fetchAtOnce(server.url, mirror, [server.pid]);
      await server[Symbol.asyncDispose]();
      rmSync(location, { recursive: true });
      return measured;
    },
    async (round) => {
      const folder = bench.file(`nginx-${round}`);
      const cache = await startNginxCache(folder, mirror.url);
      const measured = await fetchAtOnce(cache.url, mirror, cache.pids());
      await cache.stop();
      rmSync(folder, { recursive: true });
      return measured;
    },
  );
  const both = (figure: (one: Measured) => number) => ({
    ours: ours.map(figure),
    theirs: theirs.map(figure),
    peer: "nginx proxy_cache with lock",
  });
  const alone = { theirs: [], peer: "" };
  return [
    {
      what: `${CLIENTS} clients on one cold file of 256 MiB at ${LINE_MIB} MiB/s, first byte of the last client`,
      unit: "ms",
      ...both((one) => one.lastFirstByteMs),
      goal: { kind: "at most", value: 0.2 },
    },
    {
      what: "all clients together",
      unit: "MiB/s",
      ...both((one) => one.mibPerSecond),
      goal: { kind: "at least", value: 0.6 },
    },
    {
      what: "requests at the mirror",
      unit: "requests",
      ours: ours.map((one) => one.requests),
      ...alone,
      goal: { kind: "at most", value: 1 },
    },
    {
      what: "growth of memory",
      unit: "MiB",
      ours: ours.map((one) => one.grownMib),
      ...alone,
      goal: { kind: "at most", value: 64 },
    },
  ];
}

export const group: Group = {
  name: "fanout",
  about: "fifty curls on one cold file, beside nginx proxy_cache with lock",
  run,
};
