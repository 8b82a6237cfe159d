import { expect, test } from "bun:test";
import fc from "fast-check";
import { createFakeClock } from "../testing/fake-clock.ts";
import { NOTHING_KNOWN } from "./host-stats.ts";
import { createPlaces } from "./hosts.ts";
import { type Candidate, levelAfter, orderPlaces, type Question, startMs } from "./selection.ts";

const MIB = 1024 * 1024;
const QUESTION: Question = { strategy: "adaptive", bytes: MIB, turn: 0, now: 0, levelMs: 0 };

interface Named extends Candidate {
  readonly name: string;
}

function place(name: string, more: Partial<Named> = {}): Named {
  return { name, known: NOTHING_KNOWN, circuit: "closed", carrying: 0, workedMs: 0, askedAt: 0, ...more };
}

/** Has shown this speed beyond doubt. */
function shown(bytesPerSecond: number, firstByteMs = 10): Pick<Candidate, "known"> {
  return { known: { ...NOTHING_KNOWN, bytesPerSecond, firstByteMs, speedBytes: 8 * MIB } };
}

function names(candidates: readonly Named[], question: Partial<Question>): string {
  return orderPlaces(candidates, { ...QUESTION, ...question })
    .map(({ name }) => name)
    .join("");
}

test("ordered is as listed and round-robin in turn, but for places out of order, which are last whatever the strategy", () => {
  const three = [place("a"), place("b"), place("c")];
  expect(names(three, { strategy: "ordered", turn: 5 })).toBe("abc");
  expect([0, 1, 2, 3].map((turn) => names(three, { strategy: "round-robin", turn }))).toEqual([
    "abc",
    "bca",
    "cab",
    "abc",
  ]);
  const broken = [place("a", { circuit: "open" }), place("b"), place("c")];
  expect(names(broken, { strategy: "ordered" })).toBe("bca");
  expect(names(broken, { strategy: "round-robin", turn: 1 })).toBe("cba");
  expect(names(broken, { strategy: "adaptive" })).toEndWith("a");
  const all = three.map((one) => ({ ...one, circuit: "open" as const }));
  expect(names(all, { strategy: "ordered" })).toBe("abc");
});

test("adaptive: the faster first, the nearer first where the file is small, the busy ones after the others", () => {
  const fast = place("f", shown(10 * MIB, 300));
  const near = place("n", shown(MIB, 10));
  expect(names([near, fast], { bytes: 100 * MIB })).toBe("fn");
  expect(names([fast, near], { bytes: 1000 })).toBe("nf");
  expect(names([{ ...fast, carrying: 8 }, near], { bytes: 100 * MIB })).toBe("nf");
});

test("adaptive: one that was never asked is tried, one slow and long unasked now and then, if that can't cost much", () => {
  expect(names([place("a", { ...shown(MIB), workedMs: 900 }), place("new")], { levelMs: 900 })).toBe("newa");
  const fast = place("f", { ...shown(10 * MIB), askedAt: 999_000 });
  const slow = place("s", { ...shown(MIB), workedMs: 1e6, askedAt: 600_000 });
  const turns = (question: Partial<Question>) =>
    Array.from({ length: 64 }, (_, turn) => names([fast, slow], { now: 1_000_000, turn, ...question })).filter(
      (order) => order === "sf",
    ).length;
  expect(turns({})).toBe(2);
  expect(turns({ bytes: 10 * MIB })).toBe(0);
  expect(turns({ now: 700_000 })).toBe(0);
});

/** Files given one after the other to places of these speeds. */
function share(speeds: readonly number[], files: readonly number[]): readonly number[] {
  const worked = speeds.map(() => 0);
  const bytes = speeds.map(() => 0);
  let levelMs = 0;
  for (const [turn, size] of files.entries()) {
    const places = speeds.map((speed, i) => ({ ...place(String(i), shown(speed, 0)), workedMs: worked[i] ?? 0 }));
    const question: Question = { ...QUESTION, bytes: size, turn, levelMs };
    const index = Number(orderPlaces(places, question)[0]?.name);
    levelMs = levelAfter(places, question);
    const cost = (1000 * size) / (speeds[index] ?? 1);
    worked[index] = startMs(worked[index] ?? 0, cost, levelMs) + cost;
    bytes[index] = (bytes[index] ?? 0) + size;
  }
  return bytes;
}

test("60 files over mirrors of speed 1:2:5 come out in that proportion", () => {
  const [one = 0, two = 0, five = 0] = share([1, 2, 5], new Array(60).fill(100));
  expect([one, two, five]).toEqual([700, 1500, 3800]);
});

test("in the long run each has its share by speed, whatever the sizes", () => {
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

test("an order has every place once, the open ones last", () => {
  const candidate = fc.record({
    circuit: fc.constantFrom("open" as const, "closed" as const, "half-open" as const),
    carrying: fc.integer({ min: 0, max: 20 }),
    workedMs: fc.integer({ min: 0, max: 1e7 }),
    askedAt: fc.integer({ min: 0, max: 1e7 }),
    speed: fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
  });
  const strategy = fc.constantFrom("adaptive" as const, "ordered" as const, "round-robin" as const);
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 8 }), strategy, fc.nat(100), (drawn, chosen, turn) => {
      const places = drawn.map(({ speed, ...one }, i) => {
        return place(String(i), { ...one, ...(speed === undefined ? {} : shown(speed)) });
      });
      const ordered = orderPlaces(places, { ...QUESTION, strategy: chosen, turn, now: 1e7 });
      expect(ordered.toSorted((a, b) => Number(a.name) - Number(b.name))).toEqual(places);
      const firstOpen = ordered.findIndex(({ circuit }) => circuit === "open");
      if (firstOpen >= 0) expect(ordered.slice(firstOpen).every(({ circuit }) => circuit === "open")).toBe(true);
    }),
  );
});

test("a place is charged for what it did: a large file that it did not have costs it no share", () => {
  const clock = createFakeClock();
  const memory = { all: () => [], putAll: () => undefined, forget: () => undefined };
  const one = createPlaces({ memory, clock, onCircuit: () => undefined }).at("http://a.test");
  const trial = one.startRequest(1000 * MIB);
  expect(one.workedMs).toBeGreaterThan(50_000);
  trial.firstByte(20);
  trial.end("absent");
  trial.end("failed");
  expect(one.workedMs).toBeLessThan(100);
  expect([one.carrying, one.known.absent, one.known.failed]).toEqual([0, 1, 0]);
});
