/**
 * What runs on the machine, out of /proc: which processes belong to a run, how much memory they hold, how they are ended.
 */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly uid: number;
  readonly threads: number;
  /** Resident memory, what is shared with other processes included. */
  readonly rssBytes: number;
}

/** So many are read before the event loop gets its turn: about a millisecond. */
const READ_AT_ONCE = 40;

function readProcess(pid: string): ProcessInfo | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return undefined; // It has ended.
  }
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    pid: Number(pid),
    parent: field("PPid"),
    session: field("NSsid"),
    uid: field("Uid"),
    threads: field("Threads"),
    rssBytes: field("VmRSS") * 1024,
  };
}

/** All processes that this user can see. */
export async function readProcesses(): Promise<readonly ProcessInfo[]> {
  const processes: ProcessInfo[] = [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const [i, pid] of pids.entries()) {
    if (i % READ_AT_ONCE === READ_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
    const info = readProcess(pid);
    if (info) processes.push(info);
  }
  return processes;
}

/** Those that the process has started, and those that they have, and so on; without itself. */
export function descendantsOf(top: number, processes: readonly ProcessInfo[]): readonly ProcessInfo[] {
  const children = Map.groupBy(processes, ({ parent }) => parent);
  const found = [...(children.get(top) ?? [])];
  for (const { pid } of found) found.push(...(children.get(pid) ?? []));
  return found;
}

export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself just now.
  }
}
