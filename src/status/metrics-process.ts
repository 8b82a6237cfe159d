/**
 * Figures of this process under the names that all Prometheus clients use. prom-client's own ones tell of parts of Node.js
 * that are not there, with names that promtool finds fault with.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { MetricSource } from "../http/metrics.ts";

/** 0 where /proc can't be read. */
function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}

function maxFiles(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return Number(limit ?? 0);
  } catch {
    return 0;
  }
}

export function processMetrics(startedAt: number): readonly MetricSource[] {
  const gauge = (name: string, help: string, read: () => number): MetricSource => ({
    type: "gauge",
    name,
    help,
    read: () => [{ value: read() }],
  });
  return [
    {
      type: "counter",
      name: "process_cpu_seconds_total",
      help: "User and system CPU time spent, all threads.",
      read() {
        const { user, system } = process.cpuUsage();
        return [{ value: (user + system) / 1e6 }];
      },
    },
    gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss()),
    gauge("process_open_fds", "Open file descriptors.", openFiles),
    gauge("process_max_fds", "Most file descriptors that may be open.", maxFiles),
    gauge("process_start_time_seconds", "Start of the process, since the epoch.", () => startedAt / 1000),
  ];
}
