/**
 * Runs one sandboxed command: writes its input, keeps its outputs up to the limits, kills it when it exceeds a limit or has to
 * stop, and resolves when none of its processes is left.
 */
import { closeSync } from "node:fs";
import { reasonOf } from "../../lib/error-reason.ts";
import { descendantsOf, kill, readProcesses } from "./processes.ts";
import type { SandboxEnd, SandboxKind, SandboxResult } from "./sandbox.ts";

export interface RunLimits {
  readonly timeMs: number;
  /** Resident memory of all its processes together. */
  readonly memoryBytes: number;
  readonly outputBytes: number;
}

export interface SandboxedCommand {
  readonly argv: readonly string[];
  readonly kind: SandboxKind;
  readonly input: Uint8Array;
  readonly limits: RunLimits;
  /** Kills the command. */
  readonly signal: AbortSignal;
  /** Whether other runs wait for its slot: then it gets less time. */
  readonly othersWait?: () => boolean;
}

const ENVIRONMENT = { PATH: "/nonexistent", HOME: "/tmp", TMPDIR: "/tmp", LC_ALL: "C" };
const ERRORS_KEPT_BYTES = 64 * 1024;
const ERRORS_MAX_BYTES = 1024 * 1024;
const WATCH_MS = 200;
/** The time of a run while others wait: the slowest known ebuild takes 1 s. */
const CONTENDED_TIME_MS = 2000;
const KILL_AGAIN_MS = 20;
/** How long to wait for killed processes to end, and for outputs that other processes still hold. */
const EXIT_WAIT_MS = 2000;

interface KeptOutput {
  readonly chunks: readonly Uint8Array[];
  readonly over: Promise<void>;
  cancel(): void;
}

/** Reads to the end, so that the writer never blocks; calls `onTooMuch` beyond `maxBytes`. */
function keep(
  stream: ReadableStream<Uint8Array>,
  keptBytes: number,
  maxBytes: number,
  onTooMuch: () => void,
): KeptOutput {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  async function read(): Promise<void> {
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (length < keptBytes) chunks.push(value.subarray(0, keptBytes - length));
      length += value.length;
      if (length > maxBytes) onTooMuch();
    }
  }
  return { chunks, over: read().catch(() => undefined), cancel: () => void reader.cancel().catch(() => undefined) };
}

/** Kills the descendants of a process, whereupon it ends by itself; kills the process if it has none. */
async function killRun(top: number, isOver: () => boolean): Promise<void> {
  for (let againMs = KILL_AGAIN_MS; !isOver(); againMs = Math.min(2 * againMs, EXIT_WAIT_MS)) {
    const processes = await readProcesses().catch(() => []);
    const started = descendantsOf(top, processes);
    if (isOver()) return;
    for (const pid of started.length > 0 ? started.map((one) => one.pid) : [top]) kill(pid);
    await Bun.sleep(againMs);
  }
}

/** Kills processes that an ended run has left behind, which only a run without its own pid namespace can do. */
async function killSession(session: number): Promise<void> {
  for (const deadline = Date.now() + EXIT_WAIT_MS; Date.now() < deadline; await Bun.sleep(KILL_AGAIN_MS)) {
    const processes = await readProcesses().catch(() => []);
    const left = processes.filter((one) => one.session === session && one.rssBytes > 0);
    if (left.length === 0) return;
    for (const { pid } of left) kill(pid);
  }
}

/** Resolves when the promise does, or after EXIT_WAIT_MS. */
async function waitBriefly(promise: Promise<unknown>): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, EXIT_WAIT_MS);
  await Promise.race([promise, timer.promise]);
  clearTimeout(timeout);
}

/** @throws {Error} when the command cannot be started */
function start(argv: readonly string[], kind: SandboxKind, input: Uint8Array) {
  try {
    return Bun.spawn({
      cmd: [...argv],
      cwd: "/",
      env: ENVIRONMENT,
      detached: true,
      // The socket is the lifeline, which all but bubblewrap need (lifeline.bash).
      stdio: [input, "pipe", "pipe", ...(kind === "bubblewrap" ? [] : (["socket-fd"] as const))],
    });
  } catch (error) {
    throw new Error(`Cannot run ${argv[0]}: ${reasonOf(error)}`, { cause: error });
  }
}

/** @throws {Error} when the command cannot be started */
export async function runSandboxed({
  argv,
  kind,
  input,
  limits,
  signal,
  othersWait,
}: SandboxedCommand): Promise<SandboxResult> {
  if (signal.aborted) return { end: "stopped", exit: 0, output: new Uint8Array(), errors: "" };
  const child = start(argv, kind, input);
  const lifeline = child.stdio[3];

  let end: SandboxEnd = "exit";
  let isOver = false;
  const finish = (why: SandboxEnd) => {
    if (isOver || end !== "exit") return;
    end = why;
    void killRun(child.pid, () => isOver);
  };
  async function watchMemory(): Promise<void> {
    const processes = await readProcesses().catch(() => []);
    const bytes = descendantsOf(child.pid, processes).reduce((sum, { rssBytes }) => sum + rssBytes, 0);
    if (bytes > limits.memoryBytes) finish("memory");
  }
  const stop = () => finish("stopped");
  signal.addEventListener("abort", stop);
  const timer = setTimeout(() => finish("time"), limits.timeMs);
  const startedAt = performance.now();
  const watch = setInterval(() => {
    if (performance.now() - startedAt > CONTENDED_TIME_MS && othersWait?.()) finish("time");
    void watchMemory();
  }, WATCH_MS);
  const tooMuch = () => finish("output");
  const output = keep(child.stdout, limits.outputBytes, limits.outputBytes, tooMuch);
  const errors = keep(child.stderr, ERRORS_KEPT_BYTES, ERRORS_MAX_BYTES, tooMuch);

  const exit = await child.exited;
  isOver = true;
  signal.removeEventListener("abort", stop);
  clearTimeout(timer);
  clearInterval(watch);
  if (typeof lifeline === "number") closeSync(lifeline);
  if (kind === "none" || end !== "exit") await killSession(child.pid);
  await waitBriefly(Promise.all([output.over, errors.over]));
  output.cancel();
  errors.cancel();
  return { end, exit, output: Buffer.concat(output.chunks), errors: Buffer.concat(errors.chunks).toString("utf8") };
}
