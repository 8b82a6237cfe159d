import { expect, test } from "bun:test";
import { systemClock } from "../lib/clock.ts";
import { createHitLines } from "./hit-lines.ts";
import type { RequestRecorder } from "./observe.ts";
import { tell } from "./request-log.ts";

test("a path as long as a request may be is cut in the log", () => {
  const lines: [string, Readonly<Record<string, unknown>>][] = [];
  const deps = {
    infoLine: (text: string, properties: Readonly<Record<string, unknown>>) => lines.push([text, properties]),
    hitLines: createHitLines(systemClock, () => undefined),
    recorder: { end: () => undefined } as unknown as RequestRecorder,
  };
  const answer = { response: new Response(), outcome: "bad name", source: "-", sent: { bytes: 0 } };
  const asked = { client: "::1", method: "GET", startedAt: 0 };
  tell(asked, { ...answer, file: `/distfiles/${"x".repeat(15_000)}` }, deps);
  tell(asked, { ...answer, file: "x".repeat(255) }, deps);
  const [cut, whole] = lines;
  expect(cut?.[0].length).toBeLessThan(500);
  expect(String(cut?.[1]["file"])).toEndWith("x…");
  expect(whole?.[1]["file"]).toBe("x".repeat(255));
});
