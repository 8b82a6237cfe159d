/**
 * Compares the clean-up policy with LRU, LFU and GDSF: the share of bytes and of requests that come from the store, over random
 * traces and at several sizes of the store. No I/O; the policy is that of src/eviction/policy.ts.
 *
 *   bun scripts/bench/eviction.ts [--seed 1]
 */
import { parseArgs } from "node:util";
import type { DistfileName } from "../../src/distfile/name.ts";
import { LOW_WATER, worthOf } from "../../src/eviction/policy.ts";
import { USE_HALF_LIFE_MS } from "../../src/index/files.ts";
import { releaseTrace, type Trace, type TracedFile, zipfTrace } from "./lib/traces.ts";

interface Cached {
  readonly file: TracedFile;
  usedAt: number;
  uses: number;
  useScore: number;
  /** Priority of GDSF, set at each use. */
  priority: number;
}

/** Returns what a cached file is worth now. `age` is the worth of the last victim, for policies that age by it. */
export interface Policy {
  readonly name: string;
  onUse(cached: Cached, now: number, age: number): void;
  worth(cached: Cached, now: number, orphanedAt: number | null): number;
}

const REQUEST = 64 * 1024;

export const LRU: Policy = { name: "LRU", onUse: () => undefined, worth: ({ usedAt }) => usedAt };

export const LFU: Policy = { name: "LFU", onUse: () => undefined, worth: ({ uses, usedAt }) => uses + usedAt / 1e15 };

/** Greedy Dual Size Frequency (Cherkasova 1998), with the cost of a miss in packets, which is best for byte hit rates. */
export const GDSF: Policy = {
  name: "GDSF",
  onUse(cached, _now, age) {
    const { size } = cached.file;
    cached.priority = age + (cached.uses * (2 * REQUEST + size)) / Math.max(1, size);
  },
  worth: ({ priority }) => priority,
};

export function portcache(halfLifeMs = USE_HALF_LIFE_MS): Policy {
  return {
    name: "portcache",
    onUse(cached, now) {
      cached.useScore = cached.useScore * 0.5 ** ((now - cached.usedAt) / halfLifeMs) + 1;
    },
    worth({ file: { size }, usedAt, useScore }, now, orphanedAt) {
      const where = { verified: true, volume: 0 };
      const entry = { name: "" as DistfileName, size, usedAt, useScore, orphanedAt, refetchCost: 1, ...where };
      return worthOf(entry, now, halfLifeMs);
    },
  };
}

export interface Rates {
  /** Shares from 0 to 1. */
  readonly bytes: number;
  readonly requests: number;
}

/** Simulates a store of that many bytes under a policy. */
function createModel(policy: Policy, capacity: number) {
  const cached = new Map<number, Cached>();
  const orphanedAt = new Map<number, number>();
  let [used, age] = [0, 0];

  function makeRoom(now: number): void {
    const ranked = [...cached.values()].map((one) => ({
      one,
      worth: policy.worth(one, now, orphanedAt.get(one.file.id) ?? null),
    }));
    ranked.sort((a, b) => a.worth - b.worth);
    for (const { one, worth } of ranked) {
      if (used <= capacity * LOW_WATER) return;
      cached.delete(one.file.id);
      used -= one.file.size;
      age = Math.max(age, worth);
    }
  }

  return {
    orphan: (file: TracedFile, at: number) => orphanedAt.set(file.id, at),
    /** Returns whether it is a hit. The file is stored afterwards, if it fits at all. */
    request(file: TracedFile, at: number): boolean {
      const known = cached.get(file.id);
      if (known) {
        known.uses++;
        policy.onUse(known, at, age);
        known.usedAt = at;
        return true;
      }
      if (file.size > capacity) return false;
      const fresh: Cached = { file, usedAt: at, uses: 1, useScore: 0, priority: 0 };
      policy.onUse(fresh, at, age);
      cached.set(file.id, fresh);
      used += file.size;
      if (used > capacity) makeRoom(at);
      return false;
    },
  };
}

/** Requests in the first fifth of the trace fill the store and are not counted. */
export function simulate(trace: Trace, policy: Policy, capacity: number): Rates {
  const model = createModel(policy, capacity);
  const total = { bytes: 0, requests: 0 };
  const hits = { bytes: 0, requests: 0 };
  const countFrom = (trace.events.at(-1)?.at ?? 0) / 5;
  for (const { at, file, kind } of trace.events) {
    if (kind === "orphaned") {
      model.orphan(file, at);
      continue;
    }
    const hit = model.request(file, at);
    for (const tally of at < countFrom ? [] : hit ? [total, hits] : [total]) {
      tally.requests++;
      tally.bytes += file.size;
    }
  }
  return { bytes: hits.bytes / total.bytes, requests: hits.requests / total.requests };
}

const SHARES = [0.05, 0.1, 0.2, 0.4];

function main(): void {
  const { values } = parseArgs({ options: { seed: { type: "string", default: "1" } } });
  const seed = Number(values.seed);
  const policies = [LRU, LFU, GDSF, portcache()];
  for (const trace of [zipfTrace(seed), releaseTrace(seed)]) {
    const requests = trace.events.filter(({ kind }) => kind === "request").length;
    console.log(`\n${trace.name}: ${requests} requests, ${(trace.footprint / 2 ** 30).toFixed(1)} GiB of files`);
    console.log(["store".padEnd(8), ...policies.map(({ name }) => name.padStart(18))].join(""));
    for (const share of SHARES) {
      const cells = policies.map((policy) => {
        const { bytes, requests: objects } = simulate(trace, policy, trace.footprint * share);
        return `${(100 * bytes).toFixed(1)} % (${(100 * objects).toFixed(1)})`.padStart(18);
      });
      console.log([`${100 * share} %`.padEnd(8), ...cells].join(""));
    }
  }
  console.log("\nShare of bytes from the store; in brackets that of requests.");
}

if (import.meta.main) main();
