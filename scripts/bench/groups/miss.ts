/**
 * Measures cold files through an empty portcache, beside the mirror itself and beside an empty nginx proxy_cache: over a line of
 * 125 MiB/s (a gigabit at its best), and without a limit.
 */
import { rmSync } from "node:fs";
import type { GeneratedContent } from "../../../src/testing/content.ts";
import { startExecutable } from "../../../src/testing/executable.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { runCurl, type Transfer } from "../lib/clients.ts";
import type { Bench, Group } from "../lib/group.ts";
import { type Mirror, startMirror, startMirrorOf, startNginxCache, writeLargeRepository } from "../lib/line.ts";
import type { Goal, Measurement } from "../lib/result.ts";

const MIB = 1024 * 1024;
const LINE_MIB = 125;
const MAX_ROUNDS = 3;

const SMALL = "miss-100k.tar.xz";
const MIDDLE = "miss-20m.tar.xz";
const LARGE = "miss-1g.tar.xz";
const WARM_UP = "miss-warm-up.tar.xz";
const FILES: Readonly<Record<string, GeneratedContent>> = {
  [SMALL]: { size: 100 * 1024, seed: 1 },
  [MIDDLE]: { size: 20 * MIB, seed: 2 },
  [LARGE]: { size: 1024 * MIB, seed: 3 },
  [WARM_UP]: { size: 1024, seed: 4 },
};

interface Round {
  readonly direct: Readonly<Record<string, Transfer>>;
  readonly ours: Readonly<Record<string, Transfer>>;
  readonly nginx: Readonly<Record<string, Transfer>>;
}

/** Fetches the files in turn, each for the first time, from servers that have answered something before. */
async function fetchAll(url: string, names: readonly string[]): Promise<Readonly<Record<string, Transfer>>> {
  await runCurl(url + distfilePath(WARM_UP));
  const transfers: Record<string, Transfer> = {};
  for (const name of names) {
    const transfer = await runCurl(url + distfilePath(name));
    if (transfer.bytes !== FILES[name]?.size) throw new Error(`${url} sent ${transfer.bytes} bytes of ${name}`);
    transfers[name] = transfer;
  }
  return transfers;
}

async function measure(
  bench: Bench,
  mirror: Mirror,
  repository: string,
  names: readonly string[],
  round: number,
): Promise<Round> {
  const direct = await fetchAll(mirror.url, names);
  const location = bench.file(`store-${round}`);
  // One connection, like the peers: the limit is per connection, not a line that two would share.
  const fetcher = { mirrors: [mirror.url], connections_per_file: 1 };
  const server = await startExecutable({ settings: { fetcher, repo: { repos: [repository] } }, location });
  const ours = await fetchAll(server.url, names);
  await server[Symbol.asyncDispose]();
  rmSync(location, { recursive: true });
  const folder = bench.file(`nginx-${round}`);
  const cache = await startNginxCache(folder, mirror.url);
  const nginx = await fetchAll(cache.url, names);
  await cache.stop();
  rmSync(folder, { recursive: true });
  bench.say(`round ${round + 1}`);
  return { direct, ours, nginx };
}

type Side = keyof Round;

function figures(rounds: readonly Round[], side: Side, name: string, field: "totalMs" | "firstByteMs"): number[] {
  return rounds.map((round) => round[side][name]?.[field] ?? Number.NaN);
}

function against(rounds: readonly Round[], side: Side, name: string, what: string, goal?: Goal): Measurement {
  return {
    what,
    unit: "ms",
    ours: figures(rounds, "ours", name, "totalMs"),
    theirs: figures(rounds, side, name, "totalMs"),
    peer: side === "direct" ? "curl from the mirror" : "nginx proxy_cache",
    ...(goal ? { goal } : {}),
  };
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const rounds = Math.min(bench.rounds, MAX_ROUNDS);
  const repository = writeLargeRepository(bench.file("repository"), FILES);
  const folder = bench.file("mirror");
  await using mirror = await startMirror({ folder, files: FILES, mibPerSecond: LINE_MIB });
  const limited: Round[] = [];
  for (let i = 0; i < rounds; i++) limited.push(await measure(bench, mirror, repository, [SMALL, MIDDLE, LARGE], i));
  await using free = await startMirrorOf(folder, undefined);
  const unlimited: Round[] = [];
  for (let i = 0; i < rounds; i++) unlimited.push(await measure(bench, free, repository, [LARGE], i));

  const [ours, direct] = (["ours", "direct"] as const).map((side) => figures(limited, side, LARGE, "firstByteMs"));
  const later = (ours ?? []).map((ms, i) => ms - (direct?.[i] ?? Number.NaN));
  const nearDirect: Goal = { kind: "at most", value: 1.1 };
  const asNginx: Goal = { kind: "at most", value: 1 };
  const line = `at ${LINE_MIB} MiB/s`;
  return [
    against(limited, "direct", MIDDLE, `20 MiB ${line}`, nearDirect),
    against(limited, "direct", LARGE, `1 GiB ${line}`, nearDirect),
    {
      what: "first byte of 1 GiB, delay against the mirror itself",
      unit: "ms",
      ours: later,
      theirs: [],
      peer: "",
      goal: { kind: "at most", value: 15 },
    },
    against(limited, "nginx", SMALL, `100 KiB ${line}`),
    against(limited, "nginx", MIDDLE, `20 MiB ${line}`, asNginx),
    against(limited, "nginx", LARGE, `1 GiB ${line}`, asNginx),
    // 0.6 of its speed.
    against(unlimited, "nginx", LARGE, "1 GiB without a limit", { kind: "at most", value: 1 / 0.6 }),
  ];
}

export const group: Group = {
  name: "miss",
  about: "cold files, curl, through an empty cache: beside straight from the mirror, and beside nginx proxy_cache",
  run,
};
