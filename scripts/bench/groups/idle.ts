/**
 * Measures what portcache costs without requests: processor time, memory, and the time to its first answer with an empty
 * store.
 */
import { startExecutable } from "../../../src/testing/executable.ts";
import type { Bench, Group } from "../lib/group.ts";
import { cpuSecondsOf, memoryOf } from "../lib/procfs.ts";
import type { Measurement } from "../lib/result.ts";

const MIB = 1024 * 1024;
const IDLE_MS = 10_000;

async function run(bench: Bench): Promise<readonly Measurement[]> {
  const starts: number[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    const startedAt = performance.now();
    await using server = await startExecutable({ location: bench.file(`store-${round}`) });
    await fetch(`${server.url}/healthz`);
    starts.push(performance.now() - startedAt);
  }
  await using server = await startExecutable({ location: bench.file("store") });
  // By then the work after the start, such as probing the sandbox, is over.
  await Bun.sleep(3000);
  const before = cpuSecondsOf([server.pid]);
  await Bun.sleep(IDLE_MS);
  const busyMs = (cpuSecondsOf([server.pid]) - before) * 1000;
  const alone = { theirs: [], peer: "" };
  return [
    { what: "first answer, empty store", unit: "ms", ours: starts, ...alone, goal: { kind: "at most", value: 250 } },
    {
      what: "processor time per second without requests",
      unit: "ms",
      ours: [busyMs / (IDLE_MS / 1000)],
      ...alone,
      goal: { kind: "at most", value: 5 },
    },
    {
      what: "memory without requests",
      unit: "MiB",
      ours: [memoryOf([server.pid]) / MIB],
      ...alone,
      goal: { kind: "at most", value: 90 },
    },
  ];
}

export const group: Group = { name: "idle", about: "portcache without requests", run };
