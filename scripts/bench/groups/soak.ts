/**
 * Runs minutes of everything at once: hits as fast as they come, misses without end, ranges, and clients that leave. Checks that
 * memory and open files stay where they are, and that every byte is right.
 */
import type { GeneratedContent } from "../../../src/testing/content.ts";
import { readContent } from "../../../src/testing/content.ts";
import { type Server, startExecutable } from "../../../src/testing/executable.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { runWrk } from "../lib/clients.ts";
import type { Bench, Group } from "../lib/group.ts";
import { startMirror, writeLargeRepository } from "../lib/line.ts";
import { memoryOf, openFilesOf } from "../lib/procfs.ts";
import type { Measurement } from "../lib/result.ts";
import { median } from "../lib/statistics.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SAMPLE_MS = 2000;
const REPEATED = 60;
const COLD = 40;

function contents(): Readonly<Record<string, GeneratedContent>> {
  const files: Record<string, GeneratedContent> = {};
  for (let i = 0; i < REPEATED; i++) files[`repeated-${i}.tar.xz`] = { size: (4 + i * 13) * KIB, seed: i + 1 };
  for (let i = 0; i < COLD; i++) files[`cold-${i}.tar.xz`] = { size: (100 + i * 300) * KIB, seed: i + 100 };
  return files;
}

interface Tally {
  requests: number;
  bytes: number;
  /** Answers with wrong bytes under status 200 or 206. */
  wrong: number;
  /** What was answered instead of the file. */
  readonly failures: string[];
  aborted: number;
}

const FILES = contents();
const NAMES = Object.keys(FILES);

/** Requests a whole file, a range, or only the beginning of a file, by the number of the request. */
async function exchange(server: Server, name: string, kind: number, tally: Tally): Promise<void> {
  const content = FILES[name] ?? { size: 0, seed: 0 };
  const start = kind % 3 === 1 ? Math.floor(content.size / 3) : 0;
  const end = kind % 3 === 1 ? Math.floor(content.size / 2) : content.size;
  const leaving = new AbortController();
  const ranged = kind % 3 === 1 ? { range: `bytes=${start}-${end - 1}` } : undefined;
  const response = await fetch(server.url + distfilePath(name), {
    signal: leaving.signal,
    ...(ranged ? { headers: ranged } : {}),
  });
  tally.requests++;
  if (kind % 3 === 2) {
    await response.body?.getReader().read();
    leaving.abort();
    tally.aborted++;
    return;
  }
  if (response.status !== (ranged ? 206 : 200)) {
    tally.failures.push(`${response.status} ${(await response.text()).slice(0, 200)}`);
    return;
  }
  const bytes = await response.bytes();
  tally.bytes += bytes.length;
  if (!Buffer.from(readContent(content, start, end)).equals(bytes)) tally.wrong++;
}

/** Runs one client after the other until the time is over. */
async function stream(server: Server, names: readonly string[], offset: number, until: number, tally: Tally) {
  for (let i = offset; performance.now() < until; i++) {
    const name = names[(i * 7) % names.length] ?? "";
    await exchange(server, name, i, tally);
  }
}

/** Drops cold files repeatedly, so that they are misses again. */
async function drop({ location }: Server, until: number): Promise<void> {
  const cold = NAMES.filter((name) => name.startsWith("cold-"));
  for (let i = 0; performance.now() < until; i++) {
    const response = await fetch("http://localhost/api/v1/drop", {
      method: "POST",
      unix: `${location}/portcache.sock`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ names: [cold[i % cold.length]] }),
    });
    if (!response.ok) throw new Error(`drop answers ${response.status}: ${await response.text()}`);
    await response.text();
    await Bun.sleep(50);
  }
}

async function load(bench: Bench, server: Server, until: number): Promise<number> {
  const paths = NAMES.filter((name) => name.startsWith("repeated-")).map(distfilePath);
  let requests = 0;
  while (performance.now() < until) {
    const one = await runWrk({ url: server.url, paths, connections: 16, seconds: 10, folder: bench.file(".") });
    requests += one.requests;
  }
  return requests;
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const repository = writeLargeRepository(bench.file("repository"), FILES);
  await using mirror = await startMirror({ folder: bench.file("mirror"), files: FILES });
  const settings = { fetcher: { mirrors: [mirror.url] }, repo: { repos: [repository] } };
  await using server = await startExecutable({ settings, location: bench.file("store") });
  const tally: Tally = { requests: 0, bytes: 0, wrong: 0, failures: [], aborted: 0 };
  for (const name of NAMES) await exchange(server, name, 0, tally);
  const until = performance.now() + bench.soakSeconds * 1000;
  const rss: number[] = [];
  const files: number[] = [];
  const sampler = setInterval(() => {
    rss.push(memoryOf([server.pid]) / MIB);
    files.push(openFilesOf(server.pid));
  }, SAMPLE_MS);
  const streams = Array.from({ length: 6 }, (_, i) => stream(server, NAMES, i * 1000, until, tally));
  const [hits] = await Promise.all([load(bench, server, until), drop(server, until), ...streams]);
  clearInterval(sampler);
  await Bun.sleep(2000);
  bench.say(`${hits} hits by wrk, ${tally.requests} other requests, ${tally.aborted} of them left in the middle`);
  // The first third is warm-up.
  const third = Math.floor(rss.length / 3);
  const [middle, last] = [rss.slice(third, 2 * third), rss.slice(2 * third)];
  const [filesMiddle, filesLast] = [files.slice(third, 2 * third), files.slice(2 * third)];
  const alone = { theirs: [], peer: "" };
  return [
    {
      what: `memory in the last third of ${bench.soakSeconds} seconds`,
      unit: "MiB",
      ours: [median(last)],
      theirs: [median(middle)],
      peer: "in the second third",
      goal: { kind: "at most", value: 1.1 },
      note: `at most ${Math.round(Math.max(...rss))} MiB`,
    },
    {
      what: "open files in the last third",
      unit: "files",
      ours: [median(filesLast)],
      theirs: [median(filesMiddle)],
      peer: "in the second third",
      goal: { kind: "at most", value: 1.1 },
    },
    {
      what: "open files afterwards",
      unit: "files",
      ours: [openFilesOf(server.pid)],
      ...alone,
      note: `at most ${Math.max(...files)} meanwhile`,
    },
    {
      what: `answers with wrong bytes, of ${tally.requests}`,
      unit: "answers",
      ours: [tally.wrong],
      ...alone,
      goal: { kind: "at most", value: 0 },
    },
    {
      what: "answers other than the file",
      unit: "answers",
      ours: [tally.failures.length],
      ...alone,
      goal: { kind: "at most", value: 0 },
      ...(tally.failures[0] === undefined ? {} : { note: tally.failures[0] }),
    },
  ];
}

export const group: Group = {
  name: "soak",
  about: "hits, misses, ranges and clients that leave, all at once",
  run,
};
