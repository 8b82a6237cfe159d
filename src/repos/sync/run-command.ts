/**
 * Runs git, rsync and other commands for a sync: in their own process group, at low priority, with a clean environment, and
 * with limits on output and time. The group ends with the command, with the signal, and with this process, even when that is
 * killed: a shell in the group waits for the end of its standard input.
 */
import type { Clock } from "../../lib/clock.ts";
import { formatBytes } from "../../lib/format.ts";
import { maskCredentials } from "../../lib/url.ts";

/** A command that failed; the message is a sentence part for people, without credentials. */
export class CommandError extends Error {}

export interface RunCommandOptions {
  /** Variables in addition to those of all commands. */
  readonly variables?: Readonly<Record<string, string>>;
  /** How long the command may write nothing; only for commands that report progress. */
  readonly silenceMs?: number;
  /** Gets the whole standard output as it comes; what it throws stops the command, and is its failure. */
  readonly onOutput?: (text: string) => void;
}

export interface CommandRunnerDeps {
  /** Environment of the process; commands get little of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Resolves with the end of the standard output once the command, and everything that it started, has ended.
 * @throws {CommandError} when it fails or takes too long
 * @throws {unknown} the signal's reason
 */
export type RunCommand = (command: readonly string[], options?: RunCommandOptions) => Promise<string>;

/** In units of 512 bytes: no pack is larger than what a repository may have. */
const MAX_FILE_BLOCKS = (2 * 1024 * 1024 * 1024) / 512;

/**
 * In KiB, of each process: a pack of 441 bytes can hold a file of any size as a delta, which git makes in memory. A clone of ::gentoo
 * needs a quarter of it.
 */
const MAX_MEMORY_KIB = 2 * 1024 * 1024;

// Where memory runs out all the same, the kernel ends these processes first. A limit may be lower already.
const WRAPPER = `ulimit -f ${MAX_FILE_BLOCKS} || exit
{ ulimit -v ${MAX_MEMORY_KIB}; echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
exec 3<&0
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
nice -n 10 "$@" </dev/null 3<&-`;

const INHERITED = [
  ...["PATH", "HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "RSYNC_PROXY"],
  ...["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"],
];

/** A clone of ::gentoo at 30 KiB/s takes an hour. */
const MAX_MS = 2 * 60 * 60 * 1000;
const MIB = 1024 * 1024;
/** The list of the files of ::gentoo has 25 MiB. */
const MAX_OUTPUT_BYTES = 256 * MIB;
/** Progress reports of two hours have less; a remote may send any messages, and what comes counts as a sign of life. */
const MAX_MESSAGE_BYTES = 4 * MIB;
const KEPT_CHARACTERS = 16 * 1024;
const SHOWN_CHARACTERS = 500;
const NOT_FOUND = 127;

const PACKAGES: Readonly<Record<string, string>> = { git: "dev-vcs/git", rsync: "net-misc/rsync" };

/** Reads everything, and keeps the end. @param onTooMuch called when there is more than `most` bytes; what comes then is discarded */
async function readEnd(
  stream: ReadableStream<Uint8Array>,
  most: number,
  onText: (text: string) => void,
  onTooMuch: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let end = "";
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    if (bytes > most) {
      onTooMuch();
      continue;
    }
    const text = decoder.decode(chunk, { stream: true });
    onText(text);
    end = (end + text).slice(-KEPT_CHARACTERS);
  }
  return end;
}

/** Puts standard error on one line, without progress reports, credentials and control characters. */
function complaintOf(errors: string): string {
  const lines = errors
    .split(/[\r\n]+/)
    .map((line) => line.replace(/\p{Cc}+/gu, " ").trim())
    .filter((line) => line !== "" && !/^(?:remote: )?[A-Z][\w ]+: +\d+/.test(line) && !line.startsWith("Cloning into"));
  const text = maskCredentials(lines.join("; "));
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function failure(program: string, exit: number, errors: string): CommandError {
  const install = PACKAGES[program];
  if (exit === NOT_FOUND && install !== undefined) {
    return new CommandError(`${program} is not installed (Gentoo: emerge ${install})`);
  }
  return new CommandError(complaintOf(errors) || `${program} ended with status ${exit}`);
}

export function createCommandRunner({ environment, clock, signal }: CommandRunnerDeps): RunCommand {
  const inherited = Object.fromEntries(
    INHERITED.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );

  /** Calls `end` with the reason when the command takes too long; stops when `over` fires. */
  async function watch(silenceMs: number, heardAt: () => number, over: AbortSignal, end: (why: string) => void) {
    const startedAt = clock.now();
    try {
      for (;;) {
        const silentMs = clock.now() - heardAt();
        const totalMs = clock.now() - startedAt;
        if (silentMs >= silenceMs) return end(`no output for ${Math.round(silenceMs / 1000)} s`);
        if (totalMs >= MAX_MS) return end(`took over ${MAX_MS / 1000} s`);
        await clock.sleep(Math.min(silenceMs - silentMs, MAX_MS - totalMs), over);
      }
    } catch {
      // The command has ended.
    }
  }

  return async (command, { variables = {}, silenceMs = MAX_MS, onOutput } = {}) => {
    signal.throwIfAborted();
    const [program = ""] = command;
    const child = Bun.spawn(["sh", "-c", WRAPPER, "sh", ...command], {
      cwd: "/",
      env: { ...inherited, LC_ALL: "C", ...variables },
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
        // It has ended by itself meanwhile.
      }
    };
    let heardAt = clock.now();
    const hear = () => {
      heardAt = clock.now();
    };
    const over = new AbortController();
    const onAbort = () => end("the sync was stopped");
    signal.addEventListener("abort", onAbort);
    let refusal: { readonly error: unknown } | undefined;
    const onText = (text: string) => {
      hear();
      if (refusal) return;
      try {
        onOutput?.(text);
      } catch (error) {
        refusal = { error };
        end("its output was refused");
      }
    };
    const outputs = Promise.all([
      readEnd(child.stdout, MAX_OUTPUT_BYTES, onText, () => end(`wrote over ${formatBytes(MAX_OUTPUT_BYTES)}`)),
      readEnd(child.stderr, MAX_MESSAGE_BYTES, hear, () =>
        end(`wrote over ${formatBytes(MAX_MESSAGE_BYTES)} of messages`),
      ),
    ]);
    void watch(silenceMs, () => heardAt, over.signal, end);
    const exit = await child.exited;
    signal.removeEventListener("abort", onAbort);
    over.abort();
    // Processes left behind would keep the outputs open, and go on in a folder that they no longer own.
    await child.stdin.end();
    const [output, errors] = await outputs;
    signal.throwIfAborted();
    if (refusal) throw refusal.error;
    if (ended !== undefined) throw new CommandError(`${program} was stopped: ${ended}`);
    if (exit !== 0) throw failure(program, exit, errors);
    return output;
  };
}
