/**
 * Runs git, rsync and their like for a sync: in a process group of its own, at low priority, with a clean environment,
 * bounded output and limits of time. The group dies with the command, with the signal, and with this very process, even
 * when that is killed: a shell in it waits for its standard input to end.
 */
import type { Clock } from "../../lib/clock.ts";
import { maskCredentials } from "../../lib/url.ts";

/** A command that failed; the message is a sentence part for people, without credentials. */
export class RunError extends Error {}

export interface RunOptions {
  /** Beside the environment of all commands. */
  readonly variables?: Readonly<Record<string, string>>;
  /** It is ended when it says nothing for so long; only for those that tell of their progress. */
  readonly silenceMs?: number;
}

export interface RunDeps {
  /** The environment of the process, of which little is handed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Resolves with the end of the standard output when the command and all that it started have ended well.
 * @throws {RunError} when it fails or takes too long; {unknown} the signal's reason
 */
export type Run = (command: readonly string[], options?: RunOptions) => Promise<string>;

const WRAPPER = `exec 3<&0
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
nice -n 10 "$@" </dev/null 3<&-`;

const HANDED_ON = [
  ...["PATH", "HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "RSYNC_PROXY"],
  ...["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"],
];

/** A clone of ::gentoo over a line of 30 KiB/s takes an hour. */
const MAX_MS = 2 * 60 * 60 * 1000;
const KEPT_CHARACTERS = 16 * 1024;
const SHOWN_CHARACTERS = 500;
const NOT_FOUND = 127;

const PACKAGES: Readonly<Record<string, string>> = { git: "dev-vcs/git", rsync: "net-misc/rsync" };

/** Reads all, keeps the end. */
async function readEnd(stream: ReadableStream<Uint8Array>, onChunk: () => void): Promise<string> {
  const decoder = new TextDecoder();
  let end = "";
  for await (const chunk of stream) {
    onChunk();
    end = (end + decoder.decode(chunk, { stream: true })).slice(-KEPT_CHARACTERS);
  }
  return end;
}

/** What it complained of on standard error, on one line: without progress, and without what would paint a terminal. */
function complaint(errors: string): string {
  const lines = errors
    .split(/[\r\n]+/)
    .map((line) => line.replace(/\p{Cc}+/gu, " ").trim())
    .filter((line) => line !== "" && !/^(?:remote: )?[A-Z][\w ]+: +\d+/.test(line) && !line.startsWith("Cloning into"));
  const text = maskCredentials(lines.join("; "));
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function failure(program: string, exit: number, errors: string): RunError {
  const install = PACKAGES[program];
  if (exit === NOT_FOUND && install !== undefined) {
    return new RunError(`${program} is not installed here (emerge ${install})`);
  }
  return new RunError(complaint(errors) || `${program} ended with status ${exit}`);
}

export function createRun({ environment, clock, signal }: RunDeps): Run {
  const handedOn = Object.fromEntries(
    HANDED_ON.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );

  /** Calls `end` with the reason when it took too long; until `over` fires. */
  async function watch(silenceMs: number, heardAt: () => number, over: AbortSignal, end: (why: string) => void) {
    const begunAt = clock.now();
    try {
      for (;;) {
        const silentMs = clock.now() - heardAt();
        const totalMs = clock.now() - begunAt;
        if (silentMs >= silenceMs) return end(`nothing came for ${Math.round(silenceMs / 1000)} s`);
        if (totalMs >= MAX_MS) return end(`it took over ${MAX_MS / 1000} s`);
        await clock.sleep(Math.min(silenceMs - silentMs, MAX_MS - totalMs), over);
      }
    } catch {
      // It is over.
    }
  }

  return async (command, { variables = {}, silenceMs = MAX_MS } = {}) => {
    signal.throwIfAborted();
    const [program = ""] = command;
    const child = Bun.spawn(["sh", "-c", WRAPPER, "sh", ...command], {
      cwd: "/",
      env: { ...handedOn, LC_ALL: "C", ...variables },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    let ended: string | undefined;
    const end = (why: string) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      ended ??= why;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended by itself just now.
      }
    };
    let heardAt = clock.now();
    const hear = () => {
      heardAt = clock.now();
    };
    const over = new AbortController();
    const onAbort = () => end("stopped");
    signal.addEventListener("abort", onAbort);
    const outputs = Promise.all([readEnd(child.stdout, hear), readEnd(child.stderr, hear)]);
    void watch(silenceMs, () => heardAt, over.signal, end);
    const exit = await child.exited;
    signal.removeEventListener("abort", onAbort);
    over.abort();
    // What it left behind would keep its outputs open, and work on in a folder that is no longer its.
    await child.stdin.end();
    const [output, errors] = await outputs;
    signal.throwIfAborted();
    if (ended !== undefined) throw new RunError(`${program} was ended: ${ended}`);
    if (exit !== 0) throw failure(program, exit, errors);
    return output;
  };
}
