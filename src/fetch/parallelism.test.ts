import { expect, test } from "bun:test";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createLine } from "./line.ts";
import { createMeter, type Meter } from "./meter.ts";
import { createJoining } from "./parallelism.ts";

const MB = 1_000_000;

function meter(bytesPerSecond: number | undefined, ageMs = 1_000): Meter {
  return { bytesPerSecond, ageMs, fed: () => undefined };
}

test("others join one that will take long, once it has shown its speed", () => {
  const clock = createFakeClock();
  const joining = createJoining(createLine(clock), clock);
  expect(joining.look(100 * MB, [meter(undefined, 100)])).toBe("stay");
  expect(joining.look(100 * MB, [meter(MB, 260)])).toBe("stay");
  expect(joining.look(MB / 2, [meter(MB)])).toBe("stay");
  expect(joining.look(100 * MB, [meter(MB)])).toBe("join");
});

test("where all together are no faster than the one was, the fastest goes on alone, and the next file is left to one", async () => {
  const clock = createFakeClock();
  const line = createLine(clock);
  const joining = createJoining(line, clock);
  expect(joining.look(100 * MB, [meter(8 * MB)])).toBe("join");
  joining.joined();
  expect(joining.look(90 * MB, [meter(4 * MB), meter(4 * MB)])).toBe("stay");
  await clock.advance(1_500);
  expect(joining.look(80 * MB, [meter(4 * MB), meter(4 * MB)])).toBe("part");
  expect([line.mayHelp(8 * MB), line.mayHelp(2 * MB)]).toEqual([false, true]);
  await clock.advance(11 * 60_000);
  expect(line.mayHelp(8 * MB)).toBe(true);
});

test("where all together are faster they stay", async () => {
  const clock = createFakeClock();
  const joining = createJoining(createLine(clock), clock);
  joining.look(100 * MB, [meter(8 * MB)]);
  joining.joined();
  await clock.advance(1_500);
  expect(joining.look(80 * MB, [meter(8 * MB), meter(2 * MB)])).toBe("stay");
  expect([joining.settled, joining.shared]).toEqual([true, true]);
});

test("a meter tells the speed of the last two seconds, and of silence that it is silence", async () => {
  const clock = createFakeClock();
  const measured = createMeter(clock);
  measured.fed(5 * MB);
  expect(measured.bytesPerSecond).toBeUndefined();
  for (let i = 0; i < 10; i++) {
    await clock.advance(100);
    measured.fed(MB / 10);
  }
  expect(measured.bytesPerSecond).toBe(MB);
  await clock.advance(3_000);
  expect(measured.bytesPerSecond).toBe(0);
});
