import { expect, test } from "bun:test";
import { configure, getLogger, reset } from "@logtape/logtape";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createFailureLines } from "./failure-lines.ts";

test("a host that fails for all files has ten lines a second and leaves the others theirs, and what had none is counted", async () => {
  const counted: unknown[] = [];
  await configure({
    reset: true,
    sinks: { lines: ({ properties }) => counted.push(properties["failures"]) },
    loggers: [
      { category: "failure-lines-test", lowestLevel: "warning", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: [] },
    ],
  });
  const clock = createFakeClock();
  const lines = createFailureLines(clock, getLogger("failure-lines-test"));
  const granted = (hosts: readonly string[], now: number) => hosts.filter((host) => lines.take(host, now)).length;
  const many = Array.from({ length: 200 }, (_, i) => `host-${i}`);
  expect(granted(Array(300).fill("a"), 0)).toBe(10);
  expect(granted(Array(5).fill("b"), 10)).toBe(5);
  expect(granted(many, 20)).toBe(85);
  await clock.advance(1000);
  expect(granted(Array(300).fill("a"), 1000)).toBe(10);
  await clock.advance(1000);
  await reset();
  expect(counted).toEqual([290 + 115, 290]);
});
