import { expect, test } from "bun:test";
import fc from "fast-check";
import { createFakeClock } from "../testing/fake-clock.ts";
import { expectedCostMs, NO_STATS } from "./host-stats.ts";
import { createHosts } from "./hosts.ts";
import { type HostCandidate, nextVirtualTime, rankHosts, type SelectionContext, virtualStartMs } from "./selection.ts";

const MIB = 1024 * 1024;
const CONTEXT: SelectionContext = { strategy: "adaptive", bytes: MIB, sequence: 0, now: 0, virtualTimeMs: 0 };

interface Named extends HostCandidate {
  readonly name: string;
}

function host(name: string, more: Partial<Named> = {}): Named {
  return { name, stats: NO_STATS, circuit: "closed", activeRequests: 0, virtualFinishMs: 0, lastRequestAt: 0, ...more };
}

/** Statistics of a host with this speed, measured over many bytes. */
function shown(bytesPerSecond: number, firstByteMs = 10): Pick<HostCandidate, "stats"> {
  return { stats: { ...NO_STATS, bytesPerSecond, firstByteMs, speedBytes: 8 * MIB } };
}

function names(candidates: readonly Named[], context: Partial<SelectionContext>): string {
  return rankHosts(candidates, { ...CONTEXT, ...context })
    .map(({ name }) => name)
    .join("");
}

test("ordered keeps the list and round-robin rotates it, but hosts with an open circuit come last in either", () => {
  const three = [host("a"), host("b"), host("c")];
  expect(names(three, { strategy: "ordered", sequence: 5 })).toBe("abc");
  expect([0, 1, 2, 3].map((sequence) => names(three, { strategy: "round-robin", sequence }))).toEqual([
    "abc",
    "bca",
    "cab",
    "abc",
  ]);
  const broken = [host("a", { circuit: "open" }), host("b"), host("c")];
  expect(names(broken, { strategy: "ordered" })).toBe("bca");
  expect(names(broken, { strategy: "round-robin", sequence: 1 })).toBe("cba");
  expect(names(broken, { strategy: "adaptive" })).toEndWith("a");
  const all = three.map((one) => ({ ...one, circuit: "open" as const }));
  expect(names(all, { strategy: "ordered" })).toBe("abc");
});

test("adaptive: the fastest host comes first, the nearest for a small file, and full hosts after the others", () => {
  const fast = host("f", shown(10 * MIB, 300));
  const near = host("n", shown(MIB, 10));
  expect(names([near, fast], { bytes: 100 * MIB })).toBe("fn");
  expect(names([fast, near], { bytes: 1000 })).toBe("nf");
  expect(names([{ ...fast, activeRequests: 8 }, near], { bytes: 100 * MIB })).toBe("nf");
});

test("adaptive: a new host is tried, and a slow one probed now and then when that can't cost much", () => {
  expect(names([host("a", { ...shown(MIB), virtualFinishMs: 900 }), host("new")], { virtualTimeMs: 900 })).toBe("newa");
  const fast = host("f", { ...shown(10 * MIB), lastRequestAt: 999_000 });
  const slow = host("s", { ...shown(MIB), virtualFinishMs: 1e6, lastRequestAt: 600_000 });
  const turns = (context: Partial<SelectionContext>) =>
    Array.from({ length: 64 }, (_, sequence) => names([fast, slow], { now: 1_000_000, sequence, ...context })).filter(
      (order) => order === "sf",
    ).length;
  expect(turns({})).toBe(2);
  expect(turns({ bytes: 10 * MIB })).toBe(0);
  expect(turns({ now: 700_000 })).toBe(0);
});

/** Bytes that each of the hosts of these speeds gets when the files are given out one after the other. */
function share(speeds: readonly number[], files: readonly number[]): readonly number[] {
  const worked = speeds.map(() => 0);
  const bytes = speeds.map(() => 0);
  let virtualTimeMs = 0;
  for (const [sequence, size] of files.entries()) {
    const hosts = speeds.map((speed, i) => ({ ...host(String(i), shown(speed, 0)), virtualFinishMs: worked[i] ?? 0 }));
    const context: SelectionContext = { ...CONTEXT, bytes: size, sequence, virtualTimeMs };
    const index = Number(rankHosts(hosts, context)[0]?.name);
    virtualTimeMs = nextVirtualTime(hosts, context);
    const cost = (1000 * size) / (speeds[index] ?? 1);
    worked[index] = virtualStartMs(worked[index] ?? 0, cost, virtualTimeMs) + cost;
    bytes[index] = (bytes[index] ?? 0) + size;
  }
  return bytes;
}

test("60 files over mirrors of speed 1:2:5 are shared in that proportion", () => {
  const [one = 0, two = 0, five = 0] = share([1, 2, 5], new Array(60).fill(100));
  expect([one, two, five]).toEqual([700, 1500, 3800]);
});

test("in the long run each host gets its share by speed, whatever the sizes of the files", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 6 }),
      fc.array(fc.integer({ min: 50, max: 150 }), { minLength: 400, maxLength: 400 }),
      (speeds, files) => {
        const all = files.reduce((sum, size) => sum + size, 0);
        const sum = speeds.reduce((total, speed) => total + speed, 0);
        for (const [i, bytes] of share(speeds, files).entries()) {
          const due = (all * (speeds[i] ?? 0)) / sum;
          expect(Math.abs(bytes - due)).toBeLessThan(0.1 * due + 300);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("every host is ranked once, those with an open circuit last", () => {
  const candidate = fc.record({
    circuit: fc.constantFrom("open" as const, "closed" as const, "half-open" as const),
    activeRequests: fc.integer({ min: 0, max: 20 }),
    virtualFinishMs: fc.integer({ min: 0, max: 1e7 }),
    lastRequestAt: fc.integer({ min: 0, max: 1e7 }),
    speed: fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
  });
  const strategy = fc.constantFrom("adaptive" as const, "ordered" as const, "round-robin" as const);
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 8 }), strategy, fc.nat(100), (drawn, chosen, sequence) => {
      const hosts = drawn.map(({ speed, ...one }, i) => {
        return host(String(i), { ...one, ...(speed === undefined ? {} : shown(speed)) });
      });
      const ordered = rankHosts(hosts, { ...CONTEXT, strategy: chosen, sequence, now: 1e7 });
      expect(ordered.toSorted((a, b) => Number(a.name) - Number(b.name))).toEqual(hosts);
      const firstOpen = ordered.findIndex(({ circuit }) => circuit === "open");
      if (firstOpen >= 0) expect(ordered.slice(firstOpen).every(({ circuit }) => circuit === "open")).toBe(true);
    }),
  );
});

test("a host is charged for what it sent: a large file that it did not have costs it no share", () => {
  const clock = createFakeClock();
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const one = createHosts({ rows, clock, onCircuitChange: () => undefined }).at("http://a.test");
  const request = one.startRequest(1000 * MIB);
  expect(one.virtualFinishMs).toBeGreaterThan(50_000);
  request.firstByte(20);
  request.end("absent");
  request.end("failed");
  expect(one.virtualFinishMs).toBeLessThan(100);
  expect([one.activeRequests, one.stats.absent, one.stats.failed]).toEqual([0, 1, 0]);
});

test("a host that lacks most files is charged for its 404s", () => {
  const clock = createFakeClock();
  const rows = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const one = createHosts({ rows, clock, onCircuitChange: () => undefined }).at("http://a.test");
  const request = one.startRequest(1000, 0.1);
  request.firstByte(20);
  request.end("absent");
  // 20 ms, and nine 404s before each file that it has.
  expect(one.virtualFinishMs).toBeCloseTo(200, 0);
});

test("adaptive: a near mirror with half of the files comes first while the others are slow, one with none of them last", () => {
  const near = host("n", { ...shown(100 * MIB, 1), chance: 0.5 });
  const far = host("f", shown(MIB, 50));
  expect(names([far, near], {})).toBe("nf");
  expect(names([far, { ...near, chance: 0.02 }], {})).toBe("nf");
  // Where a 404 costs as much as it saves, it comes last.
  expect(names([far, { ...near, ...shown(100 * MIB, 500), chance: 0.02 }], {})).toBe("fn");
  expect(names([near, { ...far, ...shown(90 * MIB, 1) }], { bytes: 1000 })).toBe("fn");
});

test("hosts ordered by expected cost take the least time on average", () => {
  const candidate = fc.record({
    chance: fc.double({ min: 0.02, max: 1, noNaN: true }),
    firstByteMs: fc.integer({ min: 1, max: 2000 }),
    hitMs: fc.integer({ min: 1, max: 20_000 }),
  });
  type Drawn = { chance: number; firstByteMs: number; hitMs: number };
  const averageMs = ([first, ...rest]: readonly Drawn[], elseMs: number): number => {
    if (!first) return elseMs;
    const { chance, firstByteMs, hitMs } = first;
    return chance * (firstByteMs + hitMs) + (1 - chance) * (firstByteMs + averageMs(rest, elseMs));
  };
  fc.assert(
    fc.property(candidate, candidate, candidate, (a, b, c) => {
      const prior = { firstByteMs: 1, bytesPerSecond: 1 };
      const cost = ({ chance, firstByteMs, hitMs }: Drawn) => {
        const stats = { ...NO_STATS, firstByteMs, bytesPerSecond: (1000 * MIB) / hitMs, speedBytes: 1e15 };
        return expectedCostMs(stats, prior, MIB, chance);
      };
      const best = averageMs(
        [a, b, c].toSorted((x, y) => cost(x) - cost(y)),
        60_000,
      );
      for (const order of [
        [a, b, c],
        [a, c, b],
        [b, a, c],
        [b, c, a],
        [c, a, b],
        [c, b, a],
      ]) {
        expect(best).toBeLessThanOrEqual(averageMs(order, 60_000) * 1.000001);
      }
    }),
  );
});
