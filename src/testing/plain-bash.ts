/**
 * A real bash that nothing shuts in but a limit of time and one of output: for tests of what ebuilds do in it.
 */
import type { Sandbox, SandboxEnd, SandboxJob, SandboxResult } from "../repos/sandbox.ts";
import { createTempFolder } from "./temp.ts";

export interface PlainBashOptions {
  /** Default 20 s. */
  readonly timeMs?: number;
  /** Default 64 MiB. */
  readonly outputBytes?: number;
}

async function run(
  job: SandboxJob,
  { timeMs = 20_000, outputBytes = 2 ** 26 }: PlainBashOptions,
): Promise<SandboxResult> {
  using folder = createTempFolder();
  let end: SandboxEnd = "exit";
  const bash = Bun.spawn(["bash", "--noprofile", "--norc", "-c", job.script], {
    cwd: folder.path,
    env: { TMPDIR: folder.path },
    stdin: job.input,
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  const stop = (why: SandboxEnd) => {
    end = why;
    process.kill(-bash.pid, "SIGKILL");
  };
  const timer = setTimeout(() => stop("time"), timeMs);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const errors = new Response(bash.stderr).text();
  for await (const chunk of bash.stdout) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > outputBytes && end === "exit") stop("output");
  }
  const exit = await bash.exited;
  clearTimeout(timer);
  return { end, exit, output: Buffer.concat(chunks), errors: (await errors).slice(0, 4096) };
}

export function createPlainBash(options: PlainBashOptions = {}): Sandbox {
  return { kind: "none", run: (job) => run(job, options), stop: async () => {} };
}
