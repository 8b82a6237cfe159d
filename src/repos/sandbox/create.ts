/**
 * A sandbox out of one way to shut bash in: how many runs at once, which user each is, when it stops.
 */
import { release } from "node:os";
import { createSemaphore } from "../../lib/semaphore.ts";
import { limitScript, type Run } from "./command.ts";
import { readProcesses } from "./processes.ts";
import type { Program } from "./programs.ts";
import { type RunLimits, runCommand } from "./run.ts";
import type { Sandbox, SandboxJob, SandboxKind, SandboxResult } from "./sandbox.ts";

export interface SandboxBackend {
  readonly kind: SandboxKind;
  command(run: Run): readonly string[];
  /** For root, which becomes another user with it. */
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
 * Users that nobody is, one for each run under way, so that a limit on a user's processes binds that run alone: neither
 * distributions nor systemd give out these numbers. They go round, from anywhere, as what has been killed may count for
 * a while, and as root may have another sandbox.
 */
const FIRST_UID = 65_520;
const UIDS = 13;

function spareUids(): number[] {
  const start = Math.floor(Math.random() * UIDS);
  return Array.from({ length: UIDS }, (_, i) => FIRST_UID + ((start + i) % UIDS));
}

/** Older kernels count the processes of a user over all user namespaces. */
function countsByNamespace(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 14);
}

export function createSandbox(way: SandboxBackend, limits: RunLimits): Sandbox {
  const places = createSemaphore(RUNS_AT_ONCE);
  const uids = spareUids();
  const stopping = new AbortController();
  const running = new Set<Promise<SandboxResult>>();

  /** Where the limit is on processes that others have started too, it comes on top of these. */
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
    return runCommand({
      argv,
      kind: way.kind,
      input,
      limits,
      signal: stopping.signal,
      othersWait: () => places.waiting > 0,
    });
  }

  return {
    kind: way.kind,
    async run(job) {
      const leave = await places.acquire();
      const uid = uids.shift();
      if (uid === undefined) throw new Error("Cannot run bash: more runs at once than users for them");
      const result = start(job, uid).finally(() => {
        uids.push(uid);
        running.delete(result);
        leave();
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
