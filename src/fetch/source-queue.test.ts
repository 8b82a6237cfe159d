import { expect, test } from "bun:test";
import { configure, getLogger, reset } from "@logtape/logtape";
import { SourceError } from "../distfile/errors.ts";
import type { DistfileName } from "../distfile/name.ts";
import { FILE, recordedSource } from "../testing/downloads.ts";
import { createAttemptLog, createSourceQueue, outcomeOf } from "./source-queue.ts";
import { SlowSourceError } from "./throughput.ts";

test("a source is tried at most twice when nothing comes, and again and again while bytes come", () => {
  const idle = createSourceQueue(["a", "b"]);
  expect([0, 0, 0, 0, 0].map((received) => idle.next(received))).toEqual(["a", "b", "a", "b", undefined]);
  const busy = createSourceQueue(["a"]);
  for (let received = 0; received < 50; received++) expect(busy.next(received * 1e6)).toBe("a");
});

test("an excluded source is not tried again, and no other source is skipped", () => {
  const queue = createSourceQueue(["a", "b", "c"]);
  expect(queue.next(0)).toBe("a");
  queue.exclude("a");
  expect(queue.next(0)).toBe("b");
  queue.exclude("c");
  expect(queue.next(0)).toBe("b");
  queue.exclude("b");
  expect(queue.next(0)).toBeUndefined();
});

test("after a wrong file from several sources the one that finished it goes first, and that comes to an end", () => {
  const queue = createSourceQueue(["a", "b"]);
  queue.next(0);
  queue.next(1e6);
  queue.mixed("b");
  expect(queue.next(2e6)).toBe("b");
  for (let count = 0; count < 3; count++) queue.mixed("a");
  expect(queue.next(3e6)).toBeUndefined();
});

test("an error counts against a source by what it says about it", () => {
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  const rows = [
    [new SourceError("absent", "answered 404"), "absent"],
    [new SourceError("bad", "has 5 bytes"), "different"],
    [new SourceError("timeout", "stalled for 20 s"), "unreachable"],
    [new SourceError("failed", "no answer", { cause: refused }), "unreachable"],
    [new SourceError("failed", "broke off"), "failed"],
    [new SlowSourceError(10), "cancelled"],
    [new SlowSourceError(0), "failed"],
  ] as const;
  for (const [error, outcome] of rows) expect([error.message, outcomeOf(error)]).toEqual([error.message, outcome]);
});

test("the log has a warning for a source that fails, not again for the same reason, none for an unavailable one, and no more than there are lines", async () => {
  const lines: string[] = [];
  await configure({
    reset: true,
    sinks: { lines: ({ level, properties }) => lines.push(`${level} ${properties["source"]}`) },
    loggers: [
      { category: "source-queue-test", lowestLevel: "debug", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: [] },
    ],
  });
  const requests = { ends: [], open: 0 };
  let linesLeft = 3;
  const failureLines = { take: () => linesLeft-- > 0 };
  const available = recordedSource(requests, "a", "http://a", { expectedMs: () => 10 });
  const unavailable = recordedSource(requests, "b", "http://b");
  const queue = createSourceQueue([available, unavailable]);
  const attemptLog = createAttemptLog(
    FILE as DistfileName,
    queue,
    new Map(),
    failureLines,
    getLogger("source-queue-test"),
  );
  const refused = new SourceError("failed", "connection refused");
  for (const source of [available, available, unavailable]) attemptLog.failed(source, refused, 0);
  attemptLog.failed(available, new SourceError("failed", "connection reset"), 0);
  attemptLog.corrupt(available, "sent another file");
  attemptLog.failed(available, refused, 0);
  attemptLog.corrupt(available, "sent another file");
  await reset();
  expect(lines).toEqual(["warning a", "debug a", "debug b", "warning a", "warning a", "debug a", "debug a"]);
});
