/**
 * Measures what a hundred open dashboards cost the server while it fetches: processor time, and what clients notice of it.
 */
import { startExecutable } from "../../../src/testing/executable.ts";
import { startFakeUpstream } from "../../../src/testing/fake-upstream.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { type Load, runWrk } from "../lib/clients.ts";
import { writeRepositoryOf } from "../lib/files.ts";
import { type Bench, type Group, inTurn } from "../lib/group.ts";
import { cpuSecondsOf } from "../lib/procfs.ts";
import type { Measurement } from "../lib/result.ts";

const DASHBOARDS = 100;
/** Figures of a quiet server vary by the second. In this time each page asks for nearly all its data at least once. */
const QUIET_SECONDS = 20;
const WATCHED_SECONDS = 40;
const PEER = "without dashboards";
const SMALL = Object.fromEntries(
  Array.from({ length: 500 }, (_, i) => [`small-${i}.tar.xz`, { size: 4096, seed: (i % 8) + 1 }]),
);
/** Downloaded all the time, so that there are events every second. */
const LARGE = Object.fromEntries(
  Array.from({ length: 4 }, (_, i) => [`large-${i}.tar.xz`, { size: 512 * 1024 * 1024, seed: i + 1 }]),
);
const LARGE_RATE = 256 * 1024;

interface Crowd {
  /** Stops, and resolves with what it received. */
  leave(): Promise<{ readonly events: number; readonly bytes: number }>;
}

async function openDashboards(url: string): Promise<Crowd> {
  const script = new URL("../lib/dashboards.child.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, script, url, String(DASHBOARDS)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const first = await lines.read();
  if (first.value !== "connected\n") throw new Error(`the dashboards did not connect: ${first.value}`);
  return {
    async leave() {
      await child.stdin.end();
      const last = await lines.read();
      await child.exited;
      return JSON.parse(last.value ?? "{}");
    },
  };
}

/** Returns the share of one core that the process takes over that many seconds, in percent. */
async function cpuShare(pid: number, seconds: number): Promise<number> {
  const [before, startedAt] = [cpuSecondsOf([pid]), performance.now()];
  await Bun.sleep(seconds * 1000);
  return (100 * (cpuSecondsOf([pid]) - before)) / ((performance.now() - startedAt) / 1000);
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const files = { ...SMALL, ...LARGE };
  const repository = writeRepositoryOf(bench.file("repository"), files);
  await using mirror = await startFakeUpstream({ files: new Map(Object.entries(files)) });
  for (const name of Object.keys(LARGE)) {
    mirror.setFault(name, { kind: "rate", after: 0, bytesPerSecond: LARGE_RATE });
  }
  await using server = await startExecutable({
    settings: {
      fetcher: { mirrors: [mirror.url], connections_per_file: 1, read_ahead: 0 },
      repo: { repos: [repository.location] },
      log: { level: "warn" },
    },
  });
  const paths = Object.keys(SMALL).map(distfilePath);
  for (const path of paths) await (await fetch(server.url + path)).bytes();
  for (const name of Object.keys(LARGE)) {
    const leaving = new AbortController();
    await fetch(server.url + distfilePath(name), { signal: leaving.signal });
    leaving.abort();
  }

  const quiet = [await cpuShare(server.pid, QUIET_SECONDS)];
  const crowd = await openDashboards(server.url);
  const watched = await cpuShare(server.pid, WATCHED_SECONDS);
  const { events, bytes } = await crowd.leave();
  quiet.push(await cpuShare(server.pid, QUIET_SECONDS));
  bench.say(
    `${DASHBOARDS} dashboards heard ${events} pieces, ${(bytes / 1024 / 1024).toFixed(1)} MiB with what they asked for`,
  );
  const base = (quiet[0] ?? 0) / 2 + (quiet[1] ?? 0) / 2;
  bench.say(`CPU: ${watched.toFixed(2)} % of a core, ${base.toFixed(2)} % without them (4 downloads under way)`);

  const options = { url: server.url, paths, connections: 1, seconds: bench.seconds, folder: bench.file(".") };
  const watchedLoad = async (): Promise<Load> => {
    const others = await openDashboards(server.url);
    // The cost of opening them is over soon.
    await Bun.sleep(2_000);
    const load = await runWrk(options);
    await others.leave();
    return load;
  };
  const { ours, theirs } = await inTurn(bench.rounds, watchedLoad, () => runWrk(options));
  const both = (figure: (load: Load) => number) => ({ ours: ours.map(figure), theirs: theirs.map(figure), peer: PEER });
  return [
    {
      what: `${DASHBOARDS} dashboards, with 4 downloads under way`,
      unit: "% of a core",
      ours: [watched - base],
      theirs: [],
      peer: "",
      goal: { kind: "at most", value: 5 },
      note: `${watched.toFixed(1)} % with them, ${base.toFixed(1)} % without`,
    },
    { what: "4 KiB hit meanwhile, median", unit: "ms", ...both(({ medianMs }) => medianMs) },
    { what: "4 KiB hit meanwhile, 99th percentile", unit: "ms", ...both(({ p99Ms }) => p99Ms) },
  ];
}

export const group: Group = {
  name: "dashboards",
  about: `${DASHBOARDS} open dashboards beside none`,
  run,
};
