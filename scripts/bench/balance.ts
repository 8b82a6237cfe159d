/**
 * Simulates the choice of mirrors without a network: mirrors whose speeds change, that die and come back. Compares the bytes
 * delivered with what the lines that are up could have carried.
 *
 *   bun scripts/bench/balance.ts [--scenarios 20] [--minutes 10] [--downloads 16] [--seed 1]
 */
import { parseArgs } from "node:util";
import type { RequestOutcome, RequestRecorder } from "../../src/distfile/source.ts";
import { createHosts, type Host } from "../../src/mirrors/hosts.ts";
import { nextVirtualTime, rankHosts, type SelectionContext, type Strategy } from "../../src/mirrors/selection.ts";
import { createRandom } from "../../src/testing/random.ts";

const STEP_MS = 20;
const STALL_MS = 20_000;
const START = Date.UTC(2026, 0, 1);

type Phase = "up" | "refusing" | "silent";

interface Mirror {
  readonly host: Host;
  readonly latencyMs: number;
  /** Speed at a time in milliseconds from the start. */
  bytesPerSecond(at: number): number;
  phase(at: number): Phase;
}

interface Attempt {
  readonly mirror: Mirror;
  readonly request: RequestRecorder;
  readonly sentAt: number;
  readonly hedgeDelayMs: number;
}

interface Download {
  left: number;
  readonly size: number;
  readonly queue: Mirror[];
  attempts: Attempt[];
  /** The attempt whose mirror sends the file. */
  current: Attempt | undefined;
}

interface Result {
  readonly share: number;
  readonly firstByteP95Ms: number;
}

const between = (random: () => number, low: number, high: number) => low * (high / low) ** random();

/** Draws speeds of 200 KB/s to 20 MB/s that jump now and then, and outages of some minutes. */
function drawMirror(random: () => number, host: Host, lengthMs: number): Mirror {
  const changes: { readonly at: number; readonly bytesPerSecond: number }[] = [];
  const usual = between(random, 200e3, 20e6);
  for (let at = 0; at < lengthMs; at += between(random, 60e3, 600e3)) {
    changes.push({ at, bytesPerSecond: usual * (at === 0 ? 1 : between(random, 0.25, 2)) });
  }
  const outages: { readonly from: number; readonly to: number; readonly phase: Phase }[] = [];
  for (let at = between(random, 30e3, 2e6); at < lengthMs; at += between(random, 200e3, 2e6)) {
    const to = at + between(random, 10e3, 200e3);
    outages.push({ from: at, to, phase: random() < 0.5 ? "refusing" : "silent" });
    at = to;
  }
  return {
    host,
    latencyMs: between(random, 5, 300),
    bytesPerSecond: (at) => changes.findLast((change) => change.at <= at)?.bytesPerSecond ?? usual,
    phase: (at) => outages.find(({ from, to }) => from <= at && at < to)?.phase ?? "up",
  };
}

interface Scenario {
  readonly strategy: Strategy;
  readonly seed: number;
  readonly lengthMs: number;
  readonly downloads: number;
}

/** What the mirrors and the downloads do at one time. */
interface Scene {
  readonly at: number;
  readonly firstBytes: number[];
}

function sendRequest(download: Download, at: number): void {
  const mirror = download.queue.shift();
  if (!mirror) return;
  const { host } = mirror;
  const hedgeDelayMs = host.hedgeDelayMs();
  download.attempts.push({ mirror, request: host.startRequest(download.left), sentAt: at, hedgeDelayMs });
}

function drop(download: Download, attempt: Attempt, outcome: RequestOutcome): void {
  attempt.request.end(outcome);
  download.attempts = download.attempts.filter((one) => one !== attempt);
  download.queue.push(attempt.mirror);
  if (download.current === attempt) download.current = undefined;
}

function accept(download: Download, current: Attempt, { at, firstBytes }: Scene): void {
  current.request.firstByte(at - current.sentAt);
  current.request.received(1, 0);
  download.current = current;
  if (download.left === download.size) firstBytes.push(at - (download.attempts[0]?.sentAt ?? at));
  for (const other of download.attempts.filter((one) => one !== current)) {
    drop(download, other, other.sentAt < current.sentAt ? "late" : "cancelled");
  }
}

/** Takes the first response or hedges, as src/fetch/hedge.ts does. */
function hedge(download: Download, scene: Scene): void {
  const { at } = scene;
  for (const attempt of [...download.attempts]) {
    const phase = attempt.mirror.phase(at);
    const waited = at - attempt.sentAt;
    if (phase === "refusing" || waited >= STALL_MS) drop(download, attempt, "unreachable");
    else if (phase === "up" && waited >= attempt.mirror.latencyMs) {
      accept(download, attempt, scene);
      return;
    }
  }
  if (download.attempts.every((one) => at - one.sentAt >= one.hedgeDelayMs)) sendRequest(download, at);
}

/** Shares the mirror's line among its downloads. @returns the bytes sent */
function transfer(users: readonly Download[], lineBytes: number): number {
  let sent = 0;
  for (const download of users) {
    const { current } = download;
    if (!current) continue;
    if (lineBytes === 0) {
      drop(download, current, "failed");
      continue;
    }
    const bytes = Math.min(download.left, lineBytes / users.length);
    download.left -= bytes;
    sent += bytes;
    current.request.received(bytes, STEP_MS);
    if (download.left <= 0) current.request.end("delivered");
  }
  return sent;
}

/** Runs one scenario under one strategy. */
export function simulate({ strategy, seed, lengthMs, downloads }: Scenario): Result {
  const random = createRandom(seed);
  let at = 0;
  const clock = { now: () => START + at, sleep: () => Promise.resolve() };
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const hosts = createHosts({ rows, clock, onCircuitChange: () => undefined });
  const count = 3 + Math.floor(3 * random());
  const mirrors = Array.from({ length: count }, (_, i) => drawMirror(random, hosts.at(`http://m${i}`), lengthMs));
  const all = mirrors.map(({ host }) => host);
  const sizes = createRandom(seed + 1);
  let sequence = 0;

  function begin(): Download {
    const size = Math.round(between(sizes, 20e3, 50e6));
    const context: SelectionContext = {
      strategy,
      bytes: size,
      sequence: sequence++,
      now: clock.now(),
      virtualTimeMs: hosts.virtualTimeMs,
    };
    hosts.virtualTimeMs = nextVirtualTime(all, context);
    const queue = rankHosts(all, context).flatMap((host) => mirrors.find((one) => one.host === host) ?? []);
    return { size, left: size, queue, attempts: [], current: undefined };
  }

  let [carried, possible] = [0, 0];
  const firstBytes: number[] = [];
  let active = Array.from({ length: downloads }, begin);
  for (; at < lengthMs; at += STEP_MS) {
    for (const download of active) if (!download.current) hedge(download, { at, firstBytes });
    const lines = mirrors.map((one) => (one.phase(at) === "up" ? (one.bytesPerSecond(at) * STEP_MS) / 1000 : 0));
    possible += lines
      .toSorted((a, b) => b - a)
      .slice(0, downloads)
      .reduce((sum, line) => sum + line, 0);
    for (const [i, mirror] of mirrors.entries()) {
      const lineBytes = lines[i] ?? 0;
      const users = active.filter(({ current }) => current?.mirror === mirror);
      carried += transfer(users, lineBytes);
    }
    active = active.map((download) => (download.left <= 0 ? begin() : download));
  }
  firstBytes.sort((a, b) => a - b);
  return { share: carried / possible, firstByteP95Ms: firstBytes[Math.floor(0.95 * firstBytes.length)] ?? 0 };
}

function main(): void {
  const { values } = parseArgs({
    options: {
      scenarios: { type: "string", default: "20" },
      minutes: { type: "string", default: "10" },
      downloads: { type: "string", default: "16" },
      seed: { type: "string", default: "1" },
    },
  });
  const lengthMs = 60_000 * Number(values.minutes);
  console.log(`${values.scenarios} scenarios, ${values.minutes} minutes, ${values.downloads} downloads at once`);
  console.log("strategy      share of the best possible: least  median  most    p95 of first bytes: median");
  for (const strategy of ["adaptive", "round-robin", "ordered"] as const) {
    const results = Array.from({ length: Number(values.scenarios) }, (_, i) => {
      return simulate({
        strategy,
        seed: 1000 * Number(values.seed) + i,
        lengthMs,
        downloads: Number(values.downloads),
      });
    });
    const shares = results.map(({ share }) => share).toSorted((a, b) => a - b);
    const late = results.map(({ firstByteP95Ms }) => firstByteP95Ms).toSorted((a, b) => a - b);
    const text = [shares[0], shares[Math.floor(shares.length / 2)], shares.at(-1)].map((one = 0) => one.toFixed(2));
    const middle = late[Math.floor(late.length / 2)] ?? 0;
    console.log(`${strategy.padEnd(40)} ${text[0]}    ${text[1]}    ${text[2]}    ${middle} ms`);
  }
}

if (import.meta.main) main();
