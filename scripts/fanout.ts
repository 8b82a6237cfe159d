/**
 * Measures many clients on one cold file of a slow mirror: requests to the mirror, time to first byte, right bytes, memory. Of the
 * clients, `--slow` read no faster than `--slow-mib` MiB/s. Exits 1 if a bound is broken. Needs curl, cmp and Linux' /proc.
 *
 *   bun scripts/fanout.ts [--clients 50] [--mib 200] [--mirror-mib 20] [--slow 20] [--slow-mib 1]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readContent } from "../src/testing/content.ts";
import { type Server, startExecutable } from "../src/testing/executable.ts";
import { startFakeUpstream } from "../src/testing/fake-upstream.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const MIB = 1024 * 1024;
const SAMPLE_MS = 50;
const FILE = "large-1.0.tar.xz";

/** Clients times file size would be 10 GiB, so this separates bounded from unbounded; the bench measures how much it is. */
export const MAX_GROWTH_BYTES = 128 * MIB;

export interface FanOut {
  readonly clients: number;
  readonly sizeBytes: number;
  readonly mirrorBytesPerSecond: number;
  /** Number of slow clients. */
  readonly slow: number;
  readonly slowBytesPerSecond: number;
}

export interface Client {
  /** Milliseconds from the client's start. */
  readonly firstByteMs: number;
  readonly totalMs: number;
  /** Whether the response was complete and every byte right. */
  readonly right: boolean;
  readonly said: string;
}

/** Resident memory of a process, in bytes. */
export interface Memory {
  readonly all: number;
  /** Without the pages of files, such as the executable's own. */
  readonly anonymous: number;
}

export interface FanOutResult {
  readonly requests: number;
  readonly clients: readonly Client[];
  readonly idle: Memory;
  readonly peak: Memory;
  /** Processor time of the server, in seconds. */
  readonly cpuSeconds: number;
}

function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
  return { all: bytes("VmRSS"), anonymous: bytes("RssAnon") };
}

function cpuSecondsOf(pid: number): number {
  // After the name in brackets: utime and stime are the 14th and 15th field, in ticks of 1/100 s.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Fetches the file and compares it with the original. */
async function runClient(url: string, reference: string, bytesPerSecond: number | undefined): Promise<Client> {
  const report = "%{stderr}%{time_starttransfer} %{time_total} %{http_code} %{errormsg}\n";
  const limit = bytesPerSecond === undefined ? [] : ["--limit-rate", String(bytesPerSecond)];
  const script = 'set -o pipefail; reference=$1; shift; curl "$@" | cmp - "$reference"';
  const child = Bun.spawn(["bash", "-c", script, "client", reference, "-sSw", report, ...limit, url], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const times = /^([\d.]+) ([\d.]+) 200\b/m.exec(stderr);
  return {
    firstByteMs: Number(times?.[1]) * 1000,
    totalMs: Number(times?.[2]) * 1000,
    right: exit === 0,
    said: `${stdout}${stderr}`,
  };
}

/** Samples a server's memory until the returned function is called, which returns the peak. */
function watchMemory(server: Server): () => Memory {
  let all = 0;
  let anonymous = 0;
  const sample = () => {
    const now = memoryOf(server.pid);
    all = Math.max(all, now.all);
    anonymous = Math.max(anonymous, now.anonymous);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    sample();
    return { all, anonymous };
  };
}

/** Runs one measurement, with its own server, mirror and store. */
export async function fanOut(options: FanOut): Promise<FanOutResult> {
  using folder = createTempFolder("portcache-fanout-");
  const content = { size: options.sizeBytes, seed: 1 };
  const reference = folder.file("reference");
  writeFileSync(reference, readContent(content));
  const repository = writeRepository(folder.file("repository"));
  repository.put("app-misc/large", { dist: { [FILE]: content } });
  await using mirror = await startFakeUpstream({ files: new Map([[FILE, content]]) });
  mirror.setFault(FILE, { kind: "rate", bytesPerSecond: options.mirrorBytesPerSecond });
  const settings = { fetcher: { mirrors: [mirror.url] }, repo: { repos: [repository.location] } };
  await using server = await startExecutable({ settings, location: folder.file("store") });
  await Bun.sleep(500);
  const idle = memoryOf(server.pid);
  const cpuBefore = cpuSecondsOf(server.pid);
  const peak = watchMemory(server);
  const clients = await Promise.all(
    Array.from({ length: options.clients }, (_, i) =>
      runClient(
        `${server.url}/distfiles/${FILE}`,
        reference,
        i < options.slow ? options.slowBytesPerSecond : undefined,
      ),
    ),
  );
  const cpuSeconds = cpuSecondsOf(server.pid) - cpuBefore;
  return { requests: mirror.fileRequests(FILE).length, clients, idle, peak: peak(), cpuSeconds };
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

/** Formats the result for people. */
function report({ requests, clients, idle, peak, cpuSeconds }: FanOutResult): readonly string[] {
  const slowestFirst = Math.max(...clients.map(({ firstByteMs }) => firstByteMs));
  const totals = clients.map(({ totalMs }) => totalMs / 1000);
  const wrong = clients.filter(({ right }) => !right);
  return [
    `requests at the mirror: ${requests}`,
    `clients with the right bytes: ${clients.length - wrong.length} of ${clients.length}`,
    ...wrong.slice(0, 3).map(({ said }) => `  ${said.trim()}`),
    `first byte at the last client: ${slowestFirst.toFixed(0)} ms`,
    `whole file: first client ${Math.min(...totals).toFixed(1)} s, last ${Math.max(...totals).toFixed(1)} s`,
    `memory: ${mib(idle.all)} idle, ${mib(peak.all)} at most, grown by ${mib(peak.all - idle.all)}`,
    `  anonymous alone: ${mib(idle.anonymous)} idle, ${mib(peak.anonymous)} at most`,
    `server's processor time: ${cpuSeconds.toFixed(1)} s`,
  ];
}

/** Returns whether each client had its first byte in the first half of its time, that is, before the file was complete. */
export function isPrompt(clients: readonly Client[]): boolean {
  return clients.every(({ firstByteMs, totalMs }) => firstByteMs < totalMs / 2);
}

/** Returns whether all results are within their bounds. */
export function isGood({ requests, clients, idle, peak }: FanOutResult): boolean {
  return (
    requests === 1 && clients.every(({ right }) => right) && isPrompt(clients) && peak.all - idle.all < MAX_GROWTH_BYTES
  );
}

if (import.meta.main) {
  const number = { type: "string" } as const;
  const { values } = parseArgs({
    options: { clients: number, mib: number, "mirror-mib": number, slow: number, "slow-mib": number },
  });
  const result = await fanOut({
    clients: Number(values.clients ?? 50),
    sizeBytes: Number(values.mib ?? 200) * MIB,
    mirrorBytesPerSecond: Number(values["mirror-mib"] ?? 20) * MIB,
    slow: Number(values.slow ?? 0),
    slowBytesPerSecond: Number(values["slow-mib"] ?? 1) * MIB,
  });
  process.stdout.write(`${report(result).join("\n")}\n`);
  process.exitCode = isGood(result) ? 0 : 1;
}
