/**
 * Runs load generators and clients as child processes: wrk for many requests, curl and wget for whole files as Portage fetches
 * them.
 */
import { writeFileSync } from "node:fs";

export interface Load {
  readonly requests: number;
  /** Bytes of answers, headers included. */
  readonly bytes: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Milliseconds from a request to the end of its answer. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Processor time of the load generator itself. */
  readonly cpuSeconds: number;
}

export interface LoadOptions {
  /** `http://ADDRESS:PORT` */
  readonly url: string;
  /** Paths to request in turn. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Folder for wrk's script. */
  readonly folder: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Lua for wrk: requests the paths in turn, and prints its figures as JSON at the end. */
function wrkScript({ paths, headers = {} }: LoadOptions): string {
  const fields = Object.entries(headers).map(([name, value]) => `[${JSON.stringify(name)}]=${JSON.stringify(value)}`);
  return `local paths = {${paths.map((path) => JSON.stringify(path)).join(",")}}
local requests = {}
local at = 0
function init(args)
  for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path, {${fields.join(",")}}) end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nJSON {"requests":%d,"bytes":%d,"us":%d,"errors":%d,"bad":%d,"medianUs":%d,"p99Us":%d,"longestUs":%d}\\n',
    summary.requests, summary.bytes, summary.duration, e.connect + e.read + e.write, e.status,
    latency:percentile(50), latency:percentile(99), latency.max))
end
`;
}

interface WrkSummary {
  readonly requests: number;
  readonly bytes: number;
  readonly us: number;
  readonly errors: number;
  readonly bad: number;
  readonly medianUs: number;
  readonly p99Us: number;
  readonly longestUs: number;
}

/** @throws {Error} after broken connections or answers other than 2xx, which make the figures meaningless */
export async function runWrk(options: LoadOptions): Promise<Load> {
  const script = `${options.folder}/wrk-${crypto.randomUUID()}.lua`;
  writeFileSync(script, wrkScript(options));
  const { connections, seconds, url } = options;
  const child = Bun.spawn(["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s", "-s", script, url], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const json = /^JSON (.*)$/m.exec(stdout)?.[1];
  if (exit !== 0 || json === undefined) throw new Error(`wrk failed on ${url}: ${stderr}${stdout}`);
  const summary = JSON.parse(json) as WrkSummary;
  if (summary.errors > 0 || summary.bad > 0) throw new Error(`wrk met errors at ${url}: ${json}`);
  return {
    requests: summary.requests,
    bytes: summary.bytes,
    seconds: summary.us / 1e6,
    requestsPerSecond: summary.requests / (summary.us / 1e6),
    bytesPerSecond: summary.bytes / (summary.us / 1e6),
    medianMs: summary.medianUs / 1000,
    p99Ms: summary.p99Us / 1000,
    longestMs: summary.longestUs / 1000,
    cpuSeconds: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6,
  };
}

export interface Transfer {
  /** From the client's start. */
  readonly firstByteMs: number;
  readonly totalMs: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
}

/** Fetches one file with curl. @param output where its bytes go; nowhere by default @throws {Error} unless all of it arrives */
export async function runCurl(url: string, output = "/dev/null", args: readonly string[] = []): Promise<Transfer> {
  const report = "%{time_starttransfer} %{time_total} %{size_download}";
  const child = Bun.spawn(["curl", "-fsS", "-w", report, "-o", output, ...args, url], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exit !== 0) throw new Error(`curl ended with ${exit} on ${url}: ${stderr}`);
  const [first, total, bytes] = stdout.split(" ").map(Number);
  return {
    firstByteMs: (first ?? Number.NaN) * 1000,
    totalMs: (total ?? Number.NaN) * 1000,
    bytes: bytes ?? Number.NaN,
    cpuSeconds: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6,
  };
}

/**
 * Fetches files one after the other, each by a wget of its own, with the arguments of Portage's FETCHCOMMAND.
 * @returns milliseconds for all @throws {Error} when one of them fails
 */
export async function runWgets(urls: readonly string[], folder: string): Promise<number> {
  const startedAt = performance.now();
  for (const url of urls) {
    const target = `${folder}/${url.slice(url.lastIndexOf("/") + 1)}`;
    const child = Bun.spawn(["wget", "-q", "-t", "3", "-T", "60", "--passive-ftp", "-O", target, url], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const exit = await child.exited;
    if (exit !== 0) throw new Error(`wget ended with ${exit} on ${url}: ${await child.stderr.text()}`);
  }
  return performance.now() - startedAt;
}
