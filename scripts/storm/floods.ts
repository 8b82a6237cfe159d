/**
 * Measures what a flood of requests costs others: one client asks for thousands of files that are not here, and leaves each time
 * before the mirror answers. Exits 1 if a bound is broken.
 *
 *   bun scripts/storm/floods.ts [--of unknown|snapshots|known|heads] [--count N] [--executable PATH]
 */
import { parseArgs } from "node:util";
import type { GeneratedContent } from "../../src/testing/content.ts";
import { startExecutable } from "../../src/testing/executable.ts";
import { startFakeUpstream } from "../../src/testing/fake-upstream.ts";
import { writeRepository } from "../../src/testing/repository.ts";
import { openClient, type SocketClient } from "../../src/testing/socket-client.ts";
import { distfilePath } from "../../src/testing/stored.ts";
import { createTempFolder } from "../../src/testing/temp.ts";
import type { Files } from "../bench/lib/files.ts";
import { cpuSecondsOf, openFilesOf, watchMemory } from "../bench/lib/procfs.ts";

const MIB = 1024 * 1024;
const LATENCY_MS = 1_000;
const PER_SECOND = 550;
const AT_ONCE = 10;
/** The client leaves after so long. */
const PATIENCE_MS = 3_000;
/** The honest client asks so long after the flood began, or in the midst of a shorter one. */
const HONEST_AFTER_MS = 4_000;
const FILES_PER_PACKAGE = 50;
const HONEST_ADDRESS = "127.0.0.2";

const content = { size: 20_000, seed: 9 };
const honest = { distfile: "honest-1.0.tar.xz", snapshot: "/snapshots/honest.tar.xz", known: "known-honest.tar.xz" };

interface Flood {
  readonly count: number;
  readonly method: string;
  path(i: number): string;
  /** What the honest client asks for meanwhile. */
  readonly other: string;
}

const FLOODS = {
  unknown: {
    count: 5_000,
    method: "GET",
    path: (i) => distfilePath(`unknown-${i}`),
    other: distfilePath(honest.distfile),
  },
  snapshots: { count: 5_000, method: "GET", path: (i) => `/snapshots/unknown-${i}`, other: honest.snapshot },
  known: {
    count: 6_000,
    method: "GET",
    path: (i) => distfilePath(`known-${i}.tar.xz`),
    other: distfilePath(honest.known),
  },
  heads: { count: 600, method: "HEAD", path: () => distfilePath("known-0.tar.xz"), other: distfilePath(honest.known) },
} as const satisfies Record<string, Flood>;

export type FloodKind = keyof typeof FLOODS;
export const FLOOD_KINDS = Object.keys(FLOODS).filter((kind): kind is FloodKind => kind in FLOODS);

export interface FloodReport {
  readonly sent: number;
  /** Answers by status; 0: the client left before. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly upstreamRequests: number;
  readonly openFiles: number;
  readonly grownBytes: number;
  /** How long the honest client waited for its file, and with which status. */
  readonly honestMs: number;
  readonly honestStatus: number;
  /** In how many milliseconds /healthz answered nineteen times of twenty. */
  readonly healthMs: number;
  /** Processor time of the server. */
  readonly cpuSeconds: number;
}

/** Divides the files among packages of a usual size. */
function packagesOf(files: Files): Files[] {
  const packages: Record<string, GeneratedContent>[] = [];
  for (const [i, [name, file]] of Object.entries(files).entries()) {
    const index = Math.floor(i / FILES_PER_PACKAGE);
    packages[index] = { ...packages[index], [name]: file };
  }
  return packages;
}

async function timed(origin: string, path: string): Promise<{ readonly ms: number; readonly status: number }> {
  const startedAt = performance.now();
  const request = openClient(origin, path, "GET", HONEST_ADDRESS);
  const status = await request.status;
  request.leave();
  return { ms: performance.now() - startedAt, status };
}

export async function measureFlood(kind: FloodKind, executable?: string, count?: number): Promise<FloodReport> {
  const flood: Flood = FLOODS[kind];
  const total = count ?? flood.count;
  using folder = createTempFolder("portcache-flood-");
  const known = Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [`known-${i}.tar.xz`, content]));
  const repository = writeRepository(folder.file("repository"));
  for (const [i, dist] of packagesOf({ ...known, [honest.known]: content }).entries()) {
    repository.put(`app-misc/flood-${i}`, { dist });
  }
  const names = [...Object.keys(known), ...Object.values(honest)];
  await using mirror = await startFakeUpstream({ files: new Map(names.map((name) => [name, content])) });
  const settings = {
    fetcher: { mirrors: [mirror.url], read_ahead: 0 },
    repo: { repos: [repository.location] },
  };
  await using server = await startExecutable({ settings, ...(executable === undefined ? {} : { executable }) });
  // Reads the repository, and makes the mirror known.
  for (let i = 5_990; i < 6_000; i++) await timed(server.url, distfilePath(`known-${i}.tar.xz`));
  mirror.setFault("*", { kind: "latency", ms: LATENCY_MS });
  const before = mirror.requests.length;
  const idle = server.rssBytes();
  const peak = watchMemory([server.pid], 100);
  const cpuBefore = cpuSecondsOf([server.pid]);
  const statuses: Record<string, number> = {};
  let openFiles = 0;
  const health: number[] = [];
  let flooding = true;

  async function ask(i: number): Promise<void> {
    const request: SocketClient = openClient(server.url, flood.path(i), flood.method);
    const timer = setTimeout(request.leave, PATIENCE_MS);
    const status = await request.status;
    clearTimeout(timer);
    request.leave();
    statuses[status] = (statuses[status] ?? 0) + 1;
  }

  async function watch(): Promise<void> {
    while (flooding) {
      openFiles = Math.max(openFiles, openFilesOf(server.pid));
      const askedAt = performance.now();
      // Over a connection that is kept: where more connect at once than are accepted, the network tries again after a second.
      await (await fetch(`${server.url}/healthz`)).text();
      health.push(performance.now() - askedAt);
      await Bun.sleep(100);
    }
  }

  const watching = watch();
  const waiting = Bun.sleep(Math.min(HONEST_AFTER_MS, (500 * total) / PER_SECOND)).then(() =>
    timed(server.url, flood.other),
  );
  const asking: Promise<void>[] = [];
  for (let i = 0; i < total; i++) {
    asking.push(ask(i));
    if (i % AT_ONCE === AT_ONCE - 1) await Bun.sleep((1000 * AT_ONCE) / PER_SECOND);
  }
  await Promise.all(asking);
  const { ms: honestMs, status: honestStatus } = await waiting;
  flooding = false;
  await watching;
  const upstreamRequests = mirror.requests.length - before;
  const healthMs = health.toSorted((a, b) => a - b)[Math.floor(health.length * 0.95)] ?? 0;
  const grownBytes = peak() - idle;
  const cpuSeconds = cpuSecondsOf([server.pid]) - cpuBefore;
  return {
    sent: total,
    statuses,
    upstreamRequests,
    openFiles,
    grownBytes,
    honestMs,
    honestStatus,
    healthMs,
    cpuSeconds,
  };
}

/** Returns which bounds a flood broke. Of the open files most are the connections of the flood itself. */
export function brokenBounds({ sent, openFiles, grownBytes, honestMs, honestStatus, healthMs }: FloodReport): string[] {
  const connections = (PER_SECOND * PATIENCE_MS) / 1000;
  return [
    honestStatus === 200 ? "" : `the honest client was answered ${honestStatus}`,
    honestMs < 6_000 ? "" : `the honest client waited ${honestMs.toFixed(0)} ms`,
    openFiles < connections + 300 ? "" : `${openFiles} files were open`,
    grownBytes < 120 * MIB ? "" : `${(grownBytes / MIB).toFixed(0)} MiB more for ${sent} requests`,
    healthMs < 1_500 ? "" : `/healthz took ${healthMs.toFixed(0)} ms`,
  ].filter((text) => text !== "");
}

if (import.meta.main) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { of: text, count: text, executable: text } });
  let broken = 0;
  for (const kind of FLOOD_KINDS.filter((one) => values.of === undefined || values.of === one)) {
    const report = await measureFlood(
      kind,
      values.executable,
      values.count === undefined ? undefined : Number(values.count),
    );
    const { sent, statuses, upstreamRequests, openFiles, grownBytes, honestMs, honestStatus, healthMs, cpuSeconds } =
      report;
    const answers = Object.entries(statuses).map(([status, count]) => `${status === "0" ? "left" : status}: ${count}`);
    process.stdout.write(
      `${kind}: ${sent} requests (${answers.join(", ")}), ${upstreamRequests} upstream; ${openFiles} open files, ` +
        `${(grownBytes / MIB).toFixed(0)} MiB more; honest client ${honestStatus} after ${honestMs.toFixed(0)} ms, ` +
        `/healthz in ${healthMs.toFixed(0)} ms; ${cpuSeconds.toFixed(1)} s of processor time\n`,
    );
    for (const bound of brokenBounds(report)) {
      process.stdout.write(`  broken: ${bound}\n`);
      broken++;
    }
  }
  process.exit(broken > 0 ? 1 : 0);
}
