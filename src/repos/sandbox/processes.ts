/**
 * Reads /proc for the processes of a run and the memory that they use, and kills them.
 */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly uid: number;
  readonly threads: number;
  /** Resident memory, including memory shared with other processes. */
  readonly rssBytes: number;
}

/** How many processes to read before yielding to the event loop: about a millisecond. */
const READ_AT_ONCE = 40;

function readProcess(pid: string): ProcessInfo | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return undefined; // The process has ended.
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

/** Returns all processes that this user can see. */
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

/** Returns the children of a process, their children, and so on. */
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
    // The process has ended meanwhile.
  }
}
