/**
 * Reads what a process costs from Linux' /proc: processor time, memory, open files; and how busy the machine is.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Ticks of /proc/PID/stat; 100 on every Linux that runs here (sysconf(_SC_CLK_TCK)). */
const TICKS_PER_SECOND = 100;

/** Returns the process and its children, such as nginx's workers. */
export function withChildren(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...(children === "" ? [] : children.split(" ").map(Number).flatMap(withChildren))];
}

/** Returns the processor time of these processes together, user and system, in seconds. */
export function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    // After the name in brackets: utime and stime are the 14th and 15th field.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Returns a field of /proc/PID/status in bytes, summed over the processes: VmRSS, VmHWM (the peak), RssAnon. */
export function memoryOf(pids: readonly number[], field: "VmRSS" | "VmHWM" | "RssAnon" = "VmRSS"): number {
  let bytes = 0;
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    bytes += Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
  }
  return bytes;
}

export function openFilesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Returns the load average of the last minute, which shows whether something disturbed a measurement. */
export function loadAverage(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
}

/** Watches resident memory until the returned function is called, which returns the peak in bytes. */
export function watchMemory(pids: readonly number[], everyMs = 50): () => number {
  let most = memoryOf(pids);
  const timer = setInterval(() => {
    most = Math.max(most, memoryOf(pids));
  }, everyMs);
  return () => {
    clearInterval(timer);
    return Math.max(most, memoryOf(pids));
  };
}
