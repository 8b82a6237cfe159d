/**
 * Creates a sandbox from a backend: limits concurrent runs, gives each its own user, and stops them all at the end.
 */
import { release } from "node:os";
import { createSemaphore } from "../../lib/semaphore.ts";
import { limitScript, type SandboxedScript } from "./command.ts";
import { readProcesses } from "./processes.ts";
import type { Program } from "./programs.ts";
import { type RunLimits, runSandboxed } from "./run.ts";
import type { Sandbox, SandboxJob, SandboxKind, SandboxResult } from "./sandbox.ts";

export interface SandboxBackend {
  readonly kind: SandboxKind;
  command(run: SandboxedScript): readonly string[];
  /** Set for root, who changes to another user with it. */
  readonly chroot: Program | undefined;
}

export const SANDBOX_LIMITS: RunLimits = {
  timeMs: 20_000,
  memoryBytes: 1024 ** 3,
  outputBytes: 64 * 1024 ** 2,
};

const PROCESSES = 64;
const RUNS_AT_ONCE = 3;

/**
 * Unused user ids, one for each concurrent run, so that a limit on a user's processes concerns that run alone: neither
 * distributions nor systemd assign these. They are used in turn from a random one, since killed processes count for a while,
 * and since root may have another sandbox.
 */
const FIRST_UID = 65_520;
const UIDS = 13;

function spareUids(): number[] {
  const start = Math.floor(Math.random() * UIDS);
  return Array.from({ length: UIDS }, (_, i) => FIRST_UID + ((start + i) % UIDS));
}

/** Returns false for older kernels, which count the processes of a user over all user namespaces. */
function countsByNamespace(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 14);
}

export function createSandbox(way: SandboxBackend, limits: RunLimits): Sandbox {
  const slots = createSemaphore(RUNS_AT_ONCE);
  const uids = spareUids();
  const stopping = new AbortController();
  const running = new Set<Promise<SandboxResult>>();

  /** Adds the processes that the user already has, where the limit counts these too. */
  async function processLimit(): Promise<number> {
    if (way.chroot || (way.kind !== "none" && countsByNamespace())) return PROCESSES;
    const uid = process.getuid?.();
    const own = (await readProcesses()).filter((one) => one.uid === uid);
    return own.reduce((sum, { threads }) => sum + threads, PROCESSES);
  }

  async function start({ script, input, readable }: SandboxJob, uid: number): Promise<SandboxResult> {
    const perProcess = {
      cpuSeconds: Math.ceil(limits.timeMs / 1000),
      memoryBytes: limits.memoryBytes,
      processes: await processLimit(),
    };
    const user = way.chroot && { uid, chroot: way.chroot };
    const argv = way.command({ script: limitScript(script, perProcess), readable, user });
    return runSandboxed({
      argv,
      kind: way.kind,
      input,
      limits,
      signal: stopping.signal,
      othersWait: () => slots.waiting > 0,
    });
  }

  return {
    kind: way.kind,
    async run(job) {
      const release = await slots.acquire();
      const uid = uids.shift();
      if (uid === undefined) throw new Error("Cannot run bash: no unused user id is left");
      const result = start(job, uid).finally(() => {
        uids.push(uid);
        running.delete(result);
        release();
      });
      running.add(result);
      return result;
    },
    async stop() {
      stopping.abort();
      await Promise.allSettled(running);
    },
  };
}
