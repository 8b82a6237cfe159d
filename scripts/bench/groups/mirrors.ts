/**
 * Measures what unequal and faulty mirrors cost clients: the share that mirrors of speed 1:2:5 get of 60 files; the time lost
 * when one of two dies, and how soon it is asked again when it is back; the wait for a first byte while one of four refuses, one is
 * silent and one trickles, beside a server that knows only the good one.
 */
import type { GeneratedContent } from "../../../src/testing/content.ts";
import { type Server, startExecutable } from "../../../src/testing/executable.ts";
import type { Fault } from "../../../src/testing/faults.ts";
import { distfilePath } from "../../../src/testing/stored.ts";
import { runCurl } from "../lib/clients.ts";
import { type Files, writeRepositoryOf } from "../lib/files.ts";
import type { Bench, Group } from "../lib/group.ts";
import type { Measurement } from "../lib/result.ts";
import { median } from "../lib/statistics.ts";
import { startUpstream, type Upstream } from "../lib/upstream.ts";

const KIB = 1024;
/** A round takes 40 s, most of it waiting until a mirror is asked again. */
const MAX_ROUNDS = 1;
/** The defaults. */
const CONNECT_TIMEOUT_MS = 10_000;
/** After this time a mirror that failed is first asked again. */
const PROBE_MS = 15_000;
const LEARNING = 15;

interface Scenario extends AsyncDisposable {
  readonly upstreams: readonly Upstream[];
  /** Fetches file number `i`. @returns milliseconds to its first byte */
  get(i: number): Promise<number>;
}

function filesOf(count: number, size: number): Files {
  const files: Record<string, GeneratedContent> = {};
  for (let i = 0; i < count; i++) files[`f${i}`] = { size, seed: (i % 16) + 1 };
  return files;
}

let scenarios = 0;

async function createScenario(
  bench: Bench,
  strategy: string,
  files: Files,
  faults: readonly Fault[][],
): Promise<Scenario> {
  const id = scenarios++;
  const repository = writeRepositoryOf(bench.file(`repository-${id}`), files);
  const upstreams = await Promise.all(faults.map((list) => startUpstream(files, ...list)));
  const settings = {
    fetcher: { mirrors: upstreams.map(({ url }) => url), read_ahead: 0, strategy },
    repo: { repos: [repository.location] },
  };
  const server: Server = await startExecutable({ settings, location: bench.file(`store-${id}`) });
  return {
    upstreams,
    get: async (i) => (await runCurl(server.url + distfilePath(`f${i}`))).firstByteMs,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      for (const upstream of upstreams) await upstream.stop();
    },
  };
}

const SHARES = [1, 2, 5];
const SHARED_FILES = 60;

/** @returns the largest deviation of a mirror from its share of the files, in percent */
async function shares(bench: Bench): Promise<number> {
  const faults = SHARES.map((factor): Fault[] => [{ kind: "rate", bytesPerSecond: factor * 80 * KIB }]);
  await using scenario = await createScenario(bench, "adaptive", filesOf(SHARED_FILES + LEARNING, 40 * KIB), faults);
  const counts = async () =>
    (await Promise.all(scenario.upstreams.map((one) => one.count()))).map((one) => one.requests);
  for (let i = 0; i < LEARNING; i++) await scenario.get(i);
  const before = await counts();
  for (let i = LEARNING; i < LEARNING + SHARED_FILES; i++) await scenario.get(i);
  const given = (await counts()).map((count, i) => count - (before[i] ?? 0));
  bench.say(`60 files at 1:2:5: ${given.join(", ")} (due: 7.5, 15, 37.5)`);
  const all = SHARES.reduce((sum, share) => sum + share, 0);
  const off = given.map((count, i) => Math.abs(count / ((SHARED_FILES * (SHARES[i] ?? 0)) / all) - 1));
  return 100 * Math.max(...off);
}

/** @returns the time that 40 files together lost when the first mirror stalled, and until it was asked again, in ms */
async function death(bench: Bench): Promise<{ readonly lostMs: number; readonly backMs: number }> {
  await using scenario = await createScenario(bench, "ordered", filesOf(200, 40 * KIB), [[], []]);
  const usual: number[] = [];
  for (let i = 0; i < 20; i++) usual.push(await scenario.get(i));
  const [first] = scenario.upstreams;
  await first?.setFaults({ kind: "stall-headers" });
  let lostMs = 0;
  for (let i = 20; i < 60; i++) lostMs += Math.max(0, (await scenario.get(i)) - median(usual));
  await first?.setFaults();
  const asked = (await first?.count())?.requests ?? 0;
  const backAt = performance.now();
  for (let i = 60; i < 200 && ((await first?.count())?.requests ?? 0) === asked; i++) {
    await scenario.get(i);
    await Bun.sleep(250);
  }
  return { lostMs, backMs: performance.now() - backAt };
}

const MEASURED = 40;

/** @returns milliseconds to the first byte, once the mirrors are known */
async function waits(bench: Bench, faults: readonly Fault[][], refusing?: number): Promise<readonly number[]> {
  await using scenario = await createScenario(bench, "adaptive", filesOf(MEASURED + LEARNING, 5 * KIB * KIB), faults);
  if (refusing !== undefined) await scenario.upstreams[refusing]?.stop();
  const ms: number[] = [];
  for (let i = 0; i < MEASURED + LEARNING; i++) {
    const wait = await scenario.get(i);
    if (i >= LEARNING) ms.push(wait);
  }
  return ms;
}

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const [off, lost, back, added]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < Math.min(bench.rounds, MAX_ROUNDS); round++) {
    off.push(await shares(bench));
    const { lostMs, backMs } = await death(bench);
    lost.push(lostMs);
    back.push(backMs);
    const alone = await waits(bench, [[]]);
    const trickle: Fault = { kind: "rate", bytesPerSecond: 2 * KIB };
    const faulty = await waits(bench, [[], [{ kind: "stall-headers" }], [trickle], []], 0);
    added.push(Math.max(...faulty) - median(alone));
  }
  const alone = { theirs: [], peer: "" };
  return [
    {
      what: "60 files over mirrors of speed 1:2:5, largest deviation from that proportion",
      unit: "%",
      ours: off,
      ...alone,
      goal: { kind: "at most", value: 25 },
    },
    {
      what: "a mirror stalls: time lost by 40 files together",
      unit: "ms",
      ours: lost,
      ...alone,
      goal: { kind: "at most", value: CONNECT_TIMEOUT_MS },
      note: "one connect_timeout",
    },
    {
      what: "the mirror is back: time until it is asked again",
      unit: "ms",
      ours: back,
      ...alone,
      goal: { kind: "at most", value: PROBE_MS },
      note: "its probe interval",
    },
    {
      what: "one of four mirrors refuses, one is silent, one trickles: longest delay of a first byte, once they are known",
      unit: "ms",
      ours: added,
      ...alone,
      goal: { kind: "at most", value: 1500 },
    },
  ];
}

export const group: Group = {
  name: "mirrors",
  about: "what unequal and faulty mirrors cost clients",
  run,
};
