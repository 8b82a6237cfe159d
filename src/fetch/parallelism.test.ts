import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createLineCapacity, createParallelism } from "./parallelism.ts";
import { createThroughputMeter, type ThroughputMeter } from "./throughput.ts";

const MB = 1_000_000;

function throughput(bytesPerSecond: number | undefined, ageMs = 1_000): ThroughputMeter {
  return { bytesPerSecond, ageMs, received: () => undefined };
}

test("other sources join one that will take long, once it has shown its speed", () => {
  const clock = createFakeClock();
  const parallelism = createParallelism(
    createLineCapacity(clock, () => undefined),
    clock,
  );
  expect(parallelism.advise(100 * MB, [throughput(undefined, 100)])).toBe("keep");
  expect(parallelism.advise(100 * MB, [throughput(MB, 260)])).toBe("keep");
  expect(parallelism.advise(MB / 2, [throughput(MB)])).toBe("keep");
  expect(parallelism.advise(100 * MB, [throughput(MB)])).toBe("add");
});

test("if all together are no faster than the first was, the fastest goes on alone, and the next file is left to one source", async () => {
  const clock = createFakeClock();
  const lineCapacity = createLineCapacity(clock, () => undefined);
  const parallelism = createParallelism(lineCapacity, clock);
  expect(parallelism.advise(100 * MB, [throughput(8 * MB)])).toBe("add");
  parallelism.begun();
  expect(parallelism.advise(90 * MB, [throughput(4 * MB), throughput(4 * MB)])).toBe("keep");
  await clock.advance(1_500);
  expect(parallelism.advise(80 * MB, [throughput(4 * MB), throughput(4 * MB)])).toBe("reduce");
  expect([lineCapacity.mayHelp(8 * MB), lineCapacity.mayHelp(2 * MB)]).toEqual([false, true]);
  await clock.advance(11 * 60_000);
  expect(lineCapacity.mayHelp(8 * MB)).toBe(true);
});

test("if all together are faster they stay", async () => {
  const clock = createFakeClock();
  const parallelism = createParallelism(
    createLineCapacity(clock, () => undefined),
    clock,
  );
  parallelism.advise(100 * MB, [throughput(8 * MB)]);
  parallelism.begun();
  await clock.advance(1_500);
  expect(parallelism.advise(80 * MB, [throughput(8 * MB), throughput(2 * MB)])).toBe("keep");
  expect([parallelism.settled, parallelism.shared]).toEqual([true, true]);
});

test("a throughput meter measures the speed of the last two seconds, and silence as 0", async () => {
  const clock = createFakeClock();
  const measured = createThroughputMeter(clock);
  measured.received(5 * MB);
  expect(measured.bytesPerSecond).toBeUndefined();
  for (let i = 0; i < 10; i++) {
    await clock.advance(100);
    measured.received(MB / 10);
  }
  expect(measured.bytesPerSecond).toBe(MB);
  await clock.advance(3_000);
  expect(measured.bytesPerSecond).toBe(0);
});

test("what was seen under another limit does not count", () => {
  let limit: number | undefined = 4 * MB;
  const lineCapacity = createLineCapacity(createFakeClock(), () => limit);
  expect(lineCapacity.record(4 * MB, 4 * MB)).toBe(false);
  expect(lineCapacity.mayHelp(4 * MB)).toBe(false);
  limit = undefined;
  expect(lineCapacity.mayHelp(4 * MB)).toBe(true);
});
