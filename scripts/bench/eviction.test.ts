import { expect, test } from "bun:test";
import { GDSF, LFU, LRU, portcache, simulate } from "./eviction.ts";
import { releaseTrace, zipfTrace } from "./lib/traces.ts";

test("over random traces clean-up serves more bytes than LFU, about as many as GDSF and LRU, and more requests than LRU", () => {
  const traces = [zipfTrace(1), releaseTrace(1)];
  for (const trace of traces) {
    const capacity = trace.footprint / 5;
    const [lru, lfu, gdsf, ours] = [LRU, LFU, GDSF, portcache()].map((policy) => simulate(trace, policy, capacity));
    expect(ours!.bytes).toBeGreaterThan(lfu!.bytes);
    expect(ours!.bytes).toBeGreaterThan(gdsf!.bytes - 0.02);
    expect(ours!.bytes).toBeGreaterThan(lru!.bytes - 0.02);
    expect(ours!.requests).toBeGreaterThan(lru!.requests);
  }
}, 30_000);
