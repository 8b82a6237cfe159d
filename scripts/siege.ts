/**
 * Puts the compiled executable under siege: a bad mirror, a hostile repository and hostile clients, all at once, beside honest
 * clients that fetch hits and known misses. Asserts bounds on the honest clients' wait, memory, descriptors and the log, that
 * every honest response is right, that no verified file is lost, and that SIGTERM ends the server in time.
 *
 *   bun --no-orphans scripts/siege.ts [--seconds 600] [--seed N] [--only KIND] [--log FILE] [--executable FILE]
 *
 * --only: only attacks of these kinds, as a part of their names; --log: where to put the server's log; --executable: another one
 * than that of scripts/build.
 * Everything is on loopback, and ends with this process however it ends. Prints a table; exits 1 if a bound is broken.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { createTempFolder } from "../src/testing/temp.ts";
import type { Answers } from "./siege/attackers.ts";
import type { MirrorUrls } from "./siege/mirrors.ts";
import {
  ADMIN_TOKEN,
  bytesOf,
  type HostileSizes,
  LARGE_NAMES,
  MISS_NAMES,
  STORED_NAMES,
  writeGood,
  writeHostile,
} from "./siege/world.ts";
import { createRandom } from "./storm/random.ts";

const MIB = 1024 * 1024;
const KIB = 1024;
const HONEST_CLIENTS = 4;
const SAMPLE_MS = 250;
const TICKS_PER_SECOND = 100;
/** Honest clients read the large files now and then; the others' wait is what counts. */
const LARGE_PERCENT = 1;
const FILL_TRIES = 5;
const REQUEST_MS = 60_000;
/** Time for connections and downloads to end after the siege. */
const QUIET_MS = 60_000;
const SETTLE_MS = 3_000;
const DESCRIPTORS_MORE = 10;
const DRAIN_MS = 2_000;
const STOP_MS = DRAIN_MS + 5_000;
const MAX_RSS_MIB = 300;
const MAX_LOG_KIB_PER_SECOND = 256;
/** One file is asked for again every five seconds, each time at a few hundred URLs if nothing bounded that. */
const MAX_VICTIM_RATE = 10;
const MAX_SHOWN_WRONG = 10;

export interface SiegeOptions {
  readonly seconds: number;
  readonly seed: number;
  /** 99 % of honest hits take at most this long. */
  readonly maxP99Ms: number;
  /** Share of the hostile clients to play: 1 for all. */
  readonly share: number;
  /** Part of the names of the kinds of attacks to play; empty for all. */
  readonly only?: string;
  /** Path of another executable than the one that scripts/build makes. */
  readonly executable?: string | undefined;
}

export interface Row {
  readonly what: string;
  readonly value: string;
  readonly bound: string;
  readonly good: boolean;
}

export interface SiegeReport {
  readonly rows: readonly Row[];
  /** Honest responses that were not right, and other violations. */
  readonly wrong: readonly string[];
  /** How hostile clients were answered, by kind of attack. */
  readonly attacks: Readonly<Record<string, Answers>>;
  /** The server's log. */
  readonly log: string;
}

const SIZES: HostileSizes = { bases: 2_000, mirrorUris: 64, versions: 500, entryCharacters: 1_000_000 };

/** Starts a script of the siege, and waits for its first line. It ends when its standard input does, thus with this process. */
async function startScript(script: string, ...args: readonly string[]) {
  // Hostile clients and mirrors have processors of their own elsewhere: here they take those of the server and the honest clients last.
  const child = Bun.spawn(["nice", "-n", "10", process.execPath, join(import.meta.dir, "siege", script), ...args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = readLines(child.stdout);
  const next = async () => (await lines.next()).value ?? "";
  return {
    first: await next(),
    next,
    child,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    const lines = (text + decoder.decode(bytes, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

/** Returns the seconds of processor time that a process has had. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export async function siege(
  { seconds, seed, maxP99Ms, share, only = "", executable }: SiegeOptions,
  ending: AbortSignal,
): Promise<SiegeReport> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(createTempFolder("portcache-siege-"));
  const mirrors = await startScript("mirrors.ts", String(seed));
  stack.defer(mirrors.stop);
  const urls = JSON.parse(mirrors.first) as MirrorUrls;
  const repositories = [writeGood(folder.file("good")), writeHostile(folder.file("hostile"), urls.victim, SIZES)];
  const server = stack.use(
    await startExecutable({
      location: folder.file("store"),
      ...(executable === undefined ? {} : { executable }),
      settings: {
        server: { drain: `${DRAIN_MS / 1000}s`, admin_token: ADMIN_TOKEN },
        storage: { max_size: "200MiB", min_free: 0, memory: "32MiB" },
        fetcher: {
          mirrors: [...urls.good, urls.bad],
          connect_timeout: "2s",
          stall_timeout: "2s",
          // So that unknown files are asked for again and again.
          negative_ttl: "5s",
          // So that the repository's victim can be one on loopback.
          private_networks: true,
        },
        repo: { repos: repositories.map(({ location }) => location), evaluate: "never" },
      },
    }),
  );
  const contents = new Map(STORED_NAMES.map((name) => [name, bytesOf(name)]));
  const wrong: string[] = [];
  let wrongs = 0;
  const note = (what: string) => {
    wrongs++;
    if (wrong.length < MAX_SHOWN_WRONG) wrong.push(what);
  };

  /** Milliseconds until the headers of hits, whatever their size. */
  const firstBytes: number[] = [];

  /** Fetches a file and compares it. @returns how long it took in milliseconds */
  async function fetchFile(name: string, bytes: Uint8Array, stored: boolean): Promise<number> {
    const startedAt = performance.now();
    try {
      const signal = AbortSignal.timeout(REQUEST_MS);
      const response = await fetch(`${server.url}/distfiles/${name}`, { signal, decompress: false });
      if (stored) firstBytes.push(performance.now() - startedAt);
      const body = await response.bytes();
      const tookMs = performance.now() - startedAt;
      const cached = response.headers.get("cache-status") ?? "";
      if (response.status !== 200) note(`${name}: ${response.status} ${new TextDecoder().decode(body).slice(0, 300)}`);
      else if (Buffer.compare(body, bytes) !== 0) note(`${name}: wrong bytes, ${body.length} of ${bytes.length}`);
      else if (stored && !cached.includes("; hit")) note(`${name}: no longer stored (${cached})`);
      return tookMs;
    } catch (error) {
      note(`${name}: ${error}`);
      return performance.now() - startedAt;
    }
  }

  // A large file is sent while it comes in, and broken off if its end shows that the bad mirror sent wrong bytes.
  for (const [name, bytes] of contents) {
    for (let tries = 0; tries < FILL_TRIES; tries++) {
      const before = wrongs;
      await fetchFile(name, bytes, false);
      if (wrongs === before) break;
    }
  }
  wrong.length = wrongs = 0;
  for (const [name, bytes] of contents) await fetchFile(name, bytes, true);
  if (wrongs > 0) throw new Error(`The store cannot be filled: ${wrong.join("; ")}`);

  const startDescriptors = descriptorsOf(server.pid);
  const startLog = server.log().length;
  const startRss = server.rssBytes();
  let [peakRss, peakDescriptors] = [0, 0];
  const hits: number[] = [];
  const misses: number[] = [];
  const over = AbortSignal.any([AbortSignal.timeout(seconds * 1000), ending]);

  async function fetchHits(number: number): Promise<void> {
    const random = createRandom(seed + 7919 * (number + 1));
    const small = STORED_NAMES.filter((name) => !LARGE_NAMES.includes(name));
    while (!over.aborted) {
      const isLarge = random.percent(LARGE_PERCENT);
      const name = random.pick(isLarge ? LARGE_NAMES : small);
      const tookMs = await fetchFile(name, contents.get(name) ?? new Uint8Array(), true);
      if (!isLarge) hits.push(tookMs);
      await Bun.sleep(20 + random.below(40));
    }
  }

  async function fetchMisses(): Promise<void> {
    for (const name of MISS_NAMES) {
      if (over.aborted) return;
      misses.push(await fetchFile(name, bytesOf(name), false));
      await Bun.sleep(200);
    }
  }

  async function watch(): Promise<void> {
    while (!over.aborted) {
      peakRss = Math.max(peakRss, server.rssBytes());
      peakDescriptors = Math.max(peakDescriptors, descriptorsOf(server.pid));
      await Bun.sleep(SAMPLE_MS);
    }
  }

  /** How late this script itself is, which counts as wait of its honest clients. */
  const delays: number[] = [];
  async function watchSelf(): Promise<void> {
    while (!over.aborted) {
      const sleptAt = performance.now();
      await Bun.sleep(10);
      delays.push(performance.now() - sleptAt - 10);
    }
  }

  const attackers = await startScript("attackers.ts", server.url, String(seed), String(share), only);
  stack.defer(attackers.stop);
  const clients = Array.from({ length: HONEST_CLIENTS }, (_, i) => fetchHits(i));
  await Promise.all([...clients, fetchMisses(), watch(), watchSelf()]);
  ending.throwIfAborted();
  const processor = [server.pid, attackers.child.pid, mirrors.child.pid].map(processorSeconds);
  attackers.child.stdin.end();
  const attacks = JSON.parse(await attackers.next()) as Record<string, Answers>;
  await attackers.child.exited;
  mirrors.child.stdin.write("count\n");
  await mirrors.child.stdin.flush();
  const victim = Number(await mirrors.next());
  // With them go the idle connections to them, which are no leak.
  await mirrors.stop();
  const logBytes = server.log().length - startLog;

  const quietSince = performance.now();
  const bound = startDescriptors + DESCRIPTORS_MORE;
  do await Bun.sleep(SETTLE_MS);
  while (descriptorsOf(server.pid) > bound && performance.now() - quietSince < QUIET_MS);
  const endDescriptors = descriptorsOf(server.pid);
  const quietMs = performance.now() - quietSince;
  const before = wrongs;
  for (const [name, bytes] of contents) await fetchFile(name, bytes, true);
  const lost = wrongs - before;
  const endRss = server.rssBytes();

  const stopMs = await stopUnderAttack(server, seed + 1, share, only);
  const p99 = percentile(hits, 0.99);
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
  const ms = (value: number) => `${Math.round(value)} ms`;
  const victimRate = victim / seconds;
  const idle = Object.entries(attacks).flatMap(([kind, { effect, statuses }]) => (statuses[effect] ? [] : [kind]));
  const logRate = logBytes / KIB / seconds;
  const trouble = server
    .log()
    .split("\n")
    .filter((line) => /unexpected error|TypeError|RangeError|unhandled/i.test(line));
  wrong.push(...trouble.slice(0, MAX_SHOWN_WRONG));
  const rows: readonly Row[] = [
    row("honest hits, 99 %", ms(p99), `at most ${ms(maxP99Ms)}`, p99 <= maxP99Ms),
    row("honest hits", `${hits.length}`, "", true),
    row("honest hits, half of them", ms(percentile(hits, 0.5)), "", true),
    row("honest hits, first byte, 99 %", ms(percentile(firstBytes, 0.99)), "", true),
    row("honest hits, longest", ms(Math.max(...hits)), "", true),
    row("delay of this script, 99 %", ms(percentile(delays, 0.99)), "", true),
    row("honest misses", `${misses.length}`, "more than 0", misses.length > 0),
    row("honest misses, 99 %", ms(percentile(misses, 0.99)), "", true),
    row("honest responses not right", `${before}`, "0", before === 0),
    row("verified files lost", `${lost}`, "0", lost === 0),
    row("memory at most", mib(peakRss), `${MAX_RSS_MIB} MiB`, peakRss <= MAX_RSS_MIB * MIB),
    row("memory before and after", `${mib(startRss)}, ${mib(endRss)}`, "", true),
    row("descriptors before", `${startDescriptors}`, "", true),
    row("descriptors at most", `${peakDescriptors}`, "", true),
    row("descriptors after", `${endDescriptors} (${ms(quietMs)} later)`, `${bound}`, endDescriptors <= bound),
    row(
      "log in a second",
      `${Math.round(logRate)} KiB`,
      `${MAX_LOG_KIB_PER_SECOND} KiB`,
      logRate <= MAX_LOG_KIB_PER_SECOND,
    ),
    row(
      "processor: server, clients, mirrors",
      processor.map((used) => `${Math.round((100 * used) / seconds)} %`).join(", "),
      "",
      true,
    ),
    row(
      "requests to the victim in a second",
      victimRate.toFixed(1),
      `${MAX_VICTIM_RATE}`,
      victimRate <= MAX_VICTIM_RATE,
    ),
    row("attacks without effect", idle.join(", ") || "0", "0", idle.length === 0),
    row("SIGTERM under siege", ms(stopMs), `at most ${ms(STOP_MS)}`, stopMs <= STOP_MS),
    row("unexpected errors in the log", `${trouble.length}`, "0", trouble.length === 0),
  ];
  return { rows, wrong, attacks, log: server.log() };
}

function row(what: string, value: string, bound: string, good: boolean): Row {
  return { what, value, bound, good };
}

/** Attacks anew and sends SIGTERM meanwhile. @returns milliseconds until the end */
async function stopUnderAttack(server: Server, seed: number, share: number, only: string): Promise<number> {
  const attackers = await startScript("attackers.ts", server.url, String(seed), String(share), only);
  try {
    await Bun.sleep(2_000);
    const startedAt = performance.now();
    const late = setTimeout(() => void server.stop("SIGKILL"), 4 * STOP_MS);
    await server.stop("SIGTERM");
    clearTimeout(late);
    return performance.now() - startedAt;
  } finally {
    await attackers.stop();
  }
}

export function formatReport({ rows, wrong, attacks }: SiegeReport): string {
  const width = Math.max(...rows.map(({ what }) => what.length));
  const lines = rows.map(({ what, value, bound, good }) => {
    return `${good ? "  " : "X "}${what.padEnd(width)}  ${value}${bound === "" ? "" : `  (bound: ${bound})`}`;
  });
  const sent = Object.entries(attacks).map(([kind, { statuses }]) => {
    const counts = Object.entries(statuses).map(([status, count]) => `${status}: ${count}`);
    return `  ${kind}: ${counts.join(", ")}`;
  });
  return [...lines, ...sent, ...wrong.map((line) => `X ${line}`)].join("\n");
}

if (import.meta.main) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { seconds: text, seed: text, only: text, log: text, executable: text } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => ending.abort(new Error(signal)));
  console.log(`seed ${seed}`);
  const seconds = Number(values.seconds ?? 600);
  const { only = "", executable } = values;
  const report = await siege({ seconds, seed, maxP99Ms: 100, share: 1, only, executable }, ending.signal);
  if (values.log !== undefined) writeFileSync(values.log, report.log);
  console.log(formatReport(report));
  process.exitCode = report.wrong.length === 0 && report.rows.every(({ good }) => good) ? 0 : 1;
}
